/** Sends UDP datagrams and opens TCP connections for as long as it lives: `node canary-sender.ts IPV4 IPV6`. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const PORT = 9;
const EVERY_MS = 2;
/** One connection a family in so many rounds; each keeps trying for a while. */
const ROUNDS_A_CONNECTION = 10;
const CONNECTION_LIFE_MS = 300;

const [ipv4 = '', ipv6 = ''] = process.argv.slice(2);
const sockets = [
  { socket: createSocket('udp4'), address: ipv4 },
  { socket: createSocket('udp6'), address: ipv6 },
];
// A refusal is an answer too: it goes on.
for (const { socket } of sockets) socket.on('error', () => {});

console.log('sending');
let round = 0;
setInterval(() => {
  for (const { socket, address } of sockets) socket.send('canary', PORT, address, () => {});
  if (round++ % ROUNDS_A_CONNECTION === 0)
    for (const { address } of sockets) tryConnection(address);
}, EVERY_MS);

function tryConnection(address: string): void {
  const connection = connect(PORT, address);
  connection.on('error', () => {});
  setTimeout(() => connection.destroy(), CONNECTION_LIFE_MS);
}
