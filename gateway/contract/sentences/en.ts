/**
 * Every sentence that the gateway tells administrators, by code: what is, then what to do. `{name}` is a blank; the compiler
 * holds whoever says one to its blanks.
 */
export const en = {
  // Refusals
  'not-signed-in': 'You are not signed in. Sign in again.',
  'not-allowed': 'Your role does not allow this. Ask an owner of your organisation.',
  'too-many-requests': 'Too many attempts. Wait a minute, then try again.',
  'too-large': 'The request is larger than the gateway takes at once.',
  unexpected:
    'The gateway failed at this. Try again; if it stays, an administrator finds the reason in the gateway’s log.',
  busy: 'Too many dashboards are open right now. Try again in a minute.',
  'network-unknown': 'There is no such network any more.',
  'connector-unknown': 'There is no such connector any more.',
  'device-unknown': 'There is no such device any more.',
  'person-unknown': 'There is no such person.',
  'profile-unknown': 'There is no such profile any more.',
  'rule-unknown': 'There is no such rule any more.',
  'name-taken': 'There is a network named “{name}” already.',
  'rules-changed': 'Somebody else changed the rules meanwhile. Look at them again, then reorder.',
  'ports-need-protocol': 'Ports go with tcp or udp. Choose one of them, or remove the ports.',
  'rule-network-gone': 'The rule names a network that is gone.',
  'last-owner': 'The organisation needs an owner. Make somebody else one first.',

  // Ranges that are refused
  'range-unknown': '{range} is no range of {network}.',
  'range-known': '{range} is already a range of {network}.',
  'range-in-overlay':
    '{range} lies in {overlay}, where devices and connectors have their own addresses.',
  'range-never-private':
    '{range} is not the address of a private network: it means this machine itself, its own link, or a multicast group.',
  'range-holds-never':
    '{range} also covers {never}, which no network can hold. Add the ranges around it one by one.',

  // Ranges that work, but not as one may think
  'range-hidden':
    'The exclude list of the profile {profile} keeps it out of the tunnel: devices do not reach it.',
  'range-part-hidden':
    'The exclude list of the profile {profile} keeps {part} of it out of the tunnel: devices do not reach it.',
  'range-twin': '{range} is also a range of {network}. A device reaches only one of the two.',
  'range-everything':
    '{range} is every address there is: all traffic of devices goes into {network}.',
  'range-covers-overlay':
    '{range} also covers {overlay}, where devices and connectors have their addresses.',
  'range-overlaps': 'Overlaps {other} of {network}: {part} goes to {winner}.',

  // Connectors
  'connector-silent': 'It does not answer. Check that its machine runs and reaches the gateway.',
  'connector-no-tunnel':
    'It is connected, but its tunnel is not up yet. If this stays, UDP to the gateway is blocked on the way.',
  'connector-no-stream': 'Its tunnel carries traffic, but it does not receive changes right now.',
  'connector-refused': 'It refused its configuration: {reason}',
  'connector-reaches-not': 'It does not reach {ranges}.',
  'connector-no-ping':
    'Ping does not work through it. On its machine, run: sysctl -w net.ipv4.ping_group_range="0 2147483647"',

  // What needs an administrator
  'engine-down': 'The gateway’s engine does not run: {reason}',
  'engine-refuses': 'The gateway’s engine keeps its last configuration: {reason}',
  'network-no-connector': 'It has no connector yet: nobody reaches it.',
  'network-unreachable': 'Nobody reaches it: none of its connectors answers.',
  'network-no-rule': 'Nobody may reach it: no rule names it.',
  'device-refused': 'The device of {person} refused its configuration: {reason}',

  // What saving other lists would do
  'nothing-changes': 'Nothing changes: every destination goes where it went before.',
  'rest-to-tunnel': 'Everything that no entry names goes into the tunnel.',
  'rest-direct': 'Everything that no entry names goes direct.',
  'range-leaves': '{range} stops going through {network}.',
  'range-comes': '{range} goes through {network}.',
  'part-leaves': '{parts}, a part of {range}, stops going through {network}.',
  'part-comes': '{parts}, a part of {range}, goes through {network}.',
  'elsewhere-leaves': '{parts} leaves the tunnel and goes direct.',
  'elsewhere-comes': '{parts} goes into the tunnel.',
  'domain-included': 'Addresses of {domain} go into the tunnel.',
  'domain-excluded': 'Addresses of {domain} go direct, except those in a network’s range.',
  'domain-unlisted': 'Addresses of {domain} go where their addresses say, no longer by name.',

  // What removing would do
  'devices-lose-network': 'Devices that can reach it now: {count}. Their connections to it end.',
  'devices-lose-range':
    'Devices that can reach its network now: {count}. Their connections to {range} end.',
  'nobody-loses': 'No device can reach it now, so nobody loses anything.',
  'rules-go': 'Rules that name nothing else go with it: {rules}.',
  'connectors-go': 'Its connectors stop: {connectors}.',
  'goes-to-other': '{part} goes to {network} from then on.',

  // What is wrong with lists, and what mends it
  'tunnel-not-carried':
    'The gateway cannot carry Internet traffic for devices yet, so the default path has to stay “direct”.',
  'no-domain':
    '“{text}” is no domain. Write example.com for that name or *.example.com for all names below it.',
  'exclude-hides': 'The exclude entry {entry} hides {range} of {network}: devices do not reach it.',
  'exclude-hides-part':
    'The exclude entry {entry} hides a part of {range} of {network}: devices do not reach it.',
  'excludes-hide-more':
    '{count} more exclude entries hide a range or a part of one: devices do not reach those addresses.',
  'include-dead':
    'The include entry {entry} lies in no network that these devices may reach: the gateway refuses what goes there.',
  'includes-dead':
    'The include entries {entries} lie in no network that these devices may reach: the gateway refuses what goes there.',
  'fix-remove': 'Remove {entry}',
  'fix-remove-all': 'Remove all {count}',
  'fix-remove-these': 'Remove these {count}',
} as const satisfies Record<string, string>;

export type SaidCode = keyof typeof en;
