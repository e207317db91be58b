/**
 * Every sentence that the device says, by code. It says what is, then what to do.
 * `{name}` is a blank. Blanks whose name ends in `Ms` are durations, in `At` moments; say.ts formats them.
 */
export const en = {
  // Reaching culvertd
  'daemon-not-running':
    'culvertd is not running. Start it with “sudo systemctl start culvertd”, then try again.',
  'daemon-not-permitted':
    'You may not use Culvert on this computer yet. Ask an administrator to run “sudo usermod -aG culvert {user}”, then sign out of the computer and in again.',
  'daemon-not-root':
    'The program that answers at {socket} is not culvertd: it runs as user {uid}, not as root. Nothing was sent to it. Tell your administrator.',
  'daemon-unverified':
    'It could not be found out who answers at {socket}, so nothing was sent. Install Culvert again.',
  'daemon-silent': 'culvertd did not answer within {waitedMs}. Look at “journalctl -u culvertd”.',
  'daemon-gone': 'culvertd went away while it was answering. Try again in a moment.',
  'daemon-answer':
    'culvertd answered something this program does not understand ({reason}). Update both to the same version.',
  'peercred-missing':
    'The part that tells who calls culvertd (peercred.node) is missing. Install Culvert again.',
  'already-running': 'Another culvertd already serves {socket}. Stop it first.',
  'not-root': '{program} has to run as root. Try “sudo {program}”.',
  'output-refused': 'The output cannot be written: {reason}. Make room, or send it elsewhere.',
  'socket-refused': 'culvertd cannot listen at {socket}: {reason}.',

  // What the local API refuses
  'root-only': 'Only root may do this. Try it with sudo.',
  'browser-refused': 'culvertd does not talk to web pages.',
  'caller-unknown': 'The kernel did not say who is calling, so culvertd refused.',
  'bad-request': 'This request does not fit: {field}: {reason}.',
  'not-found': 'culvertd has no call {call}. Update this program and culvertd to the same version.',
  'too-large': 'The request is larger than {limit} bytes.',
  'too-many': 'Too many programs watch culvertd already. Close some and try again.',
  unexpected:
    'Something failed that Culvert did not expect: {reason}. Look at “journalctl -u culvertd”.',

  // Signing in
  'not-signed-in': 'This device is not signed in. Sign in with the link from your organisation.',
  'link-missing': 'Type your organisation’s address or paste its sign-in link.',
  'link-damaged': '“{link}” is not a sign-in link or an address. Copy the whole link again.',
  'gateway-unreachable':
    '{gateway} cannot be reached: {reason}. Check the address and your network.',
  'gateway-certificate':
    '{gateway} shows a certificate that nobody vouches for. Use the whole sign-in link from your organisation: its end says which gateway is real.',
  'gateway-says': '{gateway} says: {reason}',
  'gateway-not-culvert': '{gateway} answers, but it is not a Culvert gateway. Check the address.',
  'gateway-answer': '{gateway} answered something this version does not understand: {reason}.',
  'organisation-key-differs':
    '{gateway} is not the gateway that your sign-in link names: its organisation key is another one. Nothing was sent. Tell your administrator.',
  'trust-refused':
    '{gateway} could not prove that it belongs to your organisation: {reason}. Nothing was sent. Tell your administrator.',
  'other-organisation':
    'This device belongs to {known}. Sign out of it first, then sign in to {offered}.',
  'login-unknown': 'This sign-in is not waiting any more. Start it again.',
  'login-other-user': 'Somebody else on this computer started this sign-in. Start your own.',
  'login-busy': 'Somebody else on this computer is signing in. Wait until they are done.',
  'login-cancelled': 'You cancelled the sign-in. Nothing was changed.',
  'login-denied': 'Your organisation refused the sign-in: {reason}.',
  'login-expired': 'The sign-in took longer than {limitMs}. Start it again.',
  'login-callback': 'The answer from the browser does not belong to this sign-in. Start it again.',
  'enrol-refused': 'Your organisation did not accept this device: {reason}',
  'session-expired': 'Your session ended {expiredAt}. Sign in again to go on.',
  'session-ends-soon': 'Your session ends {expiresAt}. Renewing it drops no connection.',
  'device-removed':
    'An administrator removed this device from your organisation. Sign in again to add it.',
  'device-replaced':
    'Another computer uses this device’s identity. Sign in again here if this is the right one.',
  'leave-unheard':
    'You are signed out here, but {gateway} could not be told. Ask an administrator to remove this device.',

  // The configuration stream
  'snapshot-refused': 'A new configuration was refused, the last good one stays: {reason}.',
  'snapshot-expired':
    'The configuration this device holds ended {expiredAt}, and {gateway} cannot be reached for a new one.',
  'stream-lost': 'No news from {gateway}: {reason}. Traffic goes on with the last configuration.',

  // The tunnel
  'no-handshake':
    '{gateway} does not answer at {endpoint}. Trying the next way; check that UDP is not blocked.',
  'connect-late':
    'It is not connected after {waitedMs}. Culvert goes on trying; “culvert status” says how it stands.',
  'no-gateway': 'Your organisation has no gateway for this device. Ask an administrator.',
  'gateway-name': 'The address of {gateway} ({endpoint}) cannot be found. Check your network.',
  'path-lost': 'The network went away {lostAt}. Private traffic waits for it to come back.',
  'engine-failed': 'The tunnel could not start: {reason}.',
  'engine-missing': 'The engine is not installed at {path}. Install Culvert again.',
  'engine-gone': 'The tunnel’s engine stopped. It is being started again.',
  'tun-missing':
    'This computer has no TUN device (/dev/net/tun). Load it with “sudo modprobe tun”; in a container, pass the device in.',
  'network-refused': 'The network of this computer could not be set: {reason}.',
  'undo-refused':
    'Something of Culvert could not be taken back: {reason}. Run “sudo culvert repair”.',
  'program-missing':
    'Culvert needs the program “{program}”, which is not installed. Install the package {package}.',
  'table-taken':
    'Routing table {table} already holds routes of another program. Give Culvert another table in its configuration.',
  'priority-taken':
    'Another program already has a routing rule with priority {priority}. Give Culvert another one in its configuration.',
  'firewall-taken':
    'Another program already has an nftables table “inet {table}”. Give Culvert another name in its configuration.',
  'ledger-damaged':
    'The list of what Culvert changed on this computer was damaged ({reason}). Everything with Culvert’s names counts as its own; “sudo culvert repair” takes it back.',
  'internet-not-carried':
    'Your profile sends all traffic into the tunnel, but the gateway cannot carry Internet traffic yet. Ask an administrator to set the default path to “direct”.',
  'protection-lost': 'Another program removed Culvert’s protection {lostAt}. It was put back.',

  // State files
  'state-corrupt': 'The file {file} was damaged. It was kept as {kept}; {consequence}.',
  'state-unsafe':
    'The file {file} is not safe to use: {reason}. Give it back to root with “sudo chown root: {file}; sudo chmod go-rwx {file}”.',
  'state-newer':
    'The file {file} was written by a newer Culvert (version {version}). Update Culvert.',
  'state-unwritable': 'The file {file} cannot be written: {reason}. Make room or check the disk.',
  'consequence-signed-out': 'sign in again',
  'consequence-refetch': 'the configuration is fetched again',
  'consequence-on': 'the switch counts as on, so that nothing private leaves unprotected',
  'consequence-defaults': 'the preferences are the defaults again',

  // The local network
  'overlap-local-used': '{cidr} is also your local network ({interface}). Using the local network.',
  'overlap-network-used': '{cidr} is also your local network ({interface}). Using {network}.',
  'overlay-clash': '{cidr} of your organisation is already used by {interface} on this computer.',

  // Why: split tunnel
  'why-range': '{cidr} is a range of {network}',
  'why-include': 'include list of “{profile}”: {entry}',
  'why-exclude': 'exclude list of “{profile}”: {entry}',
  'why-default-tunnel': 'no entry covers it; “{profile}” sends the rest into the tunnel',
  'why-default-direct': 'no entry covers it; “{profile}” sends the rest directly',
  'why-local-wins': '{cidr} is also your local network, which you chose to use',
  'why-protected': '{cidr} is private and the tunnel is off',
  'why-no-config': 'no configuration yet',
  'why-name-unknown': '“{name}” has no address',
  // Why: route
  'why-route-tunnel': '{interface}, table {table}',
  'why-route-direct': '{interface}',
  'why-route-via': '{interface} via {via}',
  'why-route-refused': 'the kernel has no way: {reason}',
  'why-route-elsewhere': 'the kernel sends it through {interface}, not through the tunnel',
  'why-route-into-tunnel': 'the kernel sends it into the tunnel ({interface}), not directly',
  // Why: gateway
  'why-gateway': '{gateway}, handshake {handshakeAt}',
  'why-gateway-rtt': '{gateway}, handshake {handshakeAt}, {rttMs}',
  'why-gateway-silent': '{gateway} does not answer',
  'why-gateway-unasked': '{gateway} could not be asked: {reason}',
  'why-tunnel-off': 'the tunnel is off',
  'why-not-signed-in': 'this device is not signed in',
  // Why: connector
  'why-connector': '{connector} ({healthy} of {total} healthy)',
  'why-connector-none': 'no connector of {network} works ({healthy} of {total} healthy)',
  'why-network-none': 'no network that you may reach holds it',
  // Why: rule
  'why-rule-allows': '#{number} {rule}',
  'why-rule-blocks': '#{number} {rule}',
  'why-rule-none': 'no rule allows it',
  // Why: target
  'why-target-unasked': 'not tried',
  'why-target-direct': 'outside the tunnel; Culvert has no part in it',
  'why-target-unknown': 'the way is free; whether the host answers was not tried',
  // Why: the whole answer
  'sum-direct': '{target} goes directly, not through Culvert.',
  'sum-open': 'You can reach {target} through {network}.',
  'sum-blocked': 'You can’t reach {target}: the rule “{rule}” blocks it.',
  'sum-blocked-contact': 'You can’t reach {target}: the rule “{rule}” blocks it. Ask: {contact}',
  'sum-no-rule': 'You can’t reach {target}: no rule allows it.',
  'sum-no-rule-contact': 'You can’t reach {target}: no rule allows it. Ask: {contact}',
  'sum-no-network': 'You can’t reach {target}: no network that you may reach holds it.',
  'sum-no-connector': 'You can’t reach {target}: no connector of {network} works right now.',
  'sum-off': 'You can’t reach {target} now: the tunnel is off. Switch Culvert on.',
  'sum-signed-out': 'You can’t reach {target} now: this device is not signed in.',
  'sum-gateway-silent': 'You can’t reach {target} now: {gateway} does not answer.',
  'sum-unroutable': 'You can’t reach {target} now: this computer has no way to it.',
  'sum-route-differs':
    '{target} should go another way than this computer sends it. Run “sudo culvert repair”.',
  'sum-unknown-name': '“{target}” has no address, so there is no way to it. Check the spelling.',
  'sum-unsure': '{target} goes into the tunnel; {gateway} could not be asked for the rest.',

  // Routes
  'because-network': 'network {network}',
  'because-include': 'include list of {profile}',
  'because-exclude': 'exclude list of {profile}',
  'because-local': 'local network',
  'because-default': 'default path of {profile}',
  'because-protection': 'protection of {network}',

  // Actions of notices
  'action-sign-in': 'Sign in',
  'action-renew': 'Renew',
  'action-repair': 'Repair',
} as const satisfies Record<string, string>;

export type ProblemCode = keyof typeof en;
