/** What the app needs of culvertd: the calls of the local API, and its status as it changes. */
import { LocalClient } from '../../client/client.ts';

export type DaemonLink = Pick<
  LocalClient,
  'startLogin' | 'finishLogin' | 'cancelLogin' | 'up' | 'down' | 'logout' | 'why' | 'follow'
>;

/** Who answers is checked before a word is sent: the kernel is asked through the addon that the build puts beside this file. */
export function connectDaemon(): DaemonLink {
  return new LocalClient(process.env.CULVERT_SOCKET);
}
