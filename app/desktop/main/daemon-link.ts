/** What the app needs of culvertd: the calls of the local API, and its status as it changes. */
import { LocalClient } from '../../client/client.ts';

export type DaemonLink = Pick<
  LocalClient,
  | 'startLogin'
  | 'finishLogin'
  | 'cancelLogin'
  | 'up'
  | 'down'
  | 'pause'
  | 'logout'
  | 'why'
  | 'follow'
>;

/**
 * Who answers is checked before a word is sent: the kernel is asked through the addon that the build puts beside this file.
 * A build that lost it refuses instead of trusting the socket's owner alone.
 */
export function connectDaemon(): DaemonLink {
  return new LocalClient(process.env.CULVERT_SOCKET);
}
