/** Where the command line names the command that helps; the tray app has buttons for these. */
import type { OwnSentences } from '../contract/sentences/say.ts';

export const COMMAND_SENTENCES = {
  en: {
    'not-signed-in':
      'This device is not signed in. Run “culvert login” with the link from your organisation.',
    'other-organisation':
      'This device belongs to {known}. Sign out of it first (“culvert logout”), then sign in to {offered}.',
    'why-tunnel-off': 'the tunnel is off; switch it on with “culvert up”',
    'sum-off': 'You can’t reach {target} now: the tunnel is off. Run “culvert up”.',
  },
  ja: {
    'not-signed-in':
      'このデバイスはサインインしていません。組織から受け取ったリンクで「culvert login」を実行してください。',
    'other-organisation':
      'このデバイスは {known} に属しています。先にサインアウト（「culvert logout」）してから {offered} にサインインしてください。',
    'why-tunnel-off': 'トンネルはオフです。「culvert up」でオンにできます',
    'sum-off':
      '今は {target} に接続できません。トンネルがオフです。「culvert up」を実行してください。',
  },
} as const satisfies OwnSentences;
