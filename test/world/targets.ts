/** The ordinary servers of the world: OpenSSH, a web server, a resolver, a printer. Real programs, plain configuration. */
import { eventually } from '../lab/eventually.ts';
import type { Host } from '../lab/host.ts';

/** sshd that lets `user` in with the key of the same user on `client`. */
export async function startSsh(server: Host, client: Host, user: string): Promise<void> {
  await client.sh(
    'test -f ~/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N "" -f ~/.ssh/id_ed25519',
    { user },
  );
  const key = await client.read(`/home/${user}/.ssh/id_ed25519.pub`);
  await server.write(`/home/${user}/.ssh/authorized_keys`, key, 0o600);
  await server.sh(`chown -R ${user}: /home/${user}/.ssh && usermod -p '*' ${user}`);
  await server.sh('mkdir -p /run/sshd && rm -f /etc/ssh/ssh_host_* && ssh-keygen -q -A');
  const sshd = server.start('sshd', [
    '/usr/sbin/sshd',
    '-D',
    '-e',
    '-o',
    'UsePAM=no',
    '-o',
    'PrintMotd=no',
    '-o',
    'PrintLastLog=no',
  ]);
  await sshd.waitFor(/Server listening on 0\.0\.0\.0/);
}

/** nginx that answers every path with one sentence. */
export async function startWeb(
  host: Host,
  sentence: string,
  port = 80,
  more: Record<string, string> = {},
): Promise<void> {
  const places = Object.entries({ '/': sentence, ...more }).map(
    ([path, text]) =>
      `location ${path === '/' ? '/' : `= ${path}`} { default_type text/plain; return 200 "${text}\\n"; }`,
  );
  const file = `/etc/lab-nginx-${port}.conf`;
  await host.write(
    file,
    `daemon off; pid /run/lab-nginx-${port}.pid; error_log stderr;
events {}
http { access_log off; server { listen ${port}; ${places.join(' ')} } }
`,
  );
  host.start('nginx', ['nginx', '-c', file]);
  await untilListening(host, `:${port}`, 'tcp');
}

/** dnsmasq that answers `answers` and nothing else. */
export async function startResolver(host: Host, answers: Record<string, string>): Promise<void> {
  const records = Object.entries(answers).map(([name, address]) => `--address=/${name}/${address}`);
  host.start('dnsmasq', [
    'dnsmasq',
    '--keep-in-foreground',
    '--no-resolv',
    '--no-hosts',
    '--conf-file=/dev/null',
    '--user=root',
    '--pid-file=',
    ...records,
  ]);
  await untilListening(host, ':53', 'udp');
}

async function untilListening(host: Host, where: string, protocol: 'tcp' | 'udp'): Promise<void> {
  const flag = protocol === 'tcp' ? '-Hltn' : '-Hlun';
  await eventually(async () => {
    const sockets = await host.run(['ss', flag]);
    if (!sockets.split('\n').some((line) => line.trim().split(/\s+/)[3]?.endsWith(where)))
      throw new Error(`nothing listens on ${where} on ${host.name}\n${host.logs}`);
  });
}
