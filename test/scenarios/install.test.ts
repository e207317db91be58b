/**
 * The installer on a computer where somebody wants it to run his programs, and its way back: not a file is left.
 *
 *   laptop: alice, who may use Culvert; mallory, who may not
 */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { runInstaller } from '../world/device.ts';

const INSTALLER = '/opt/culvert/app/packaging/install.sh';
/** What is at our places, and who is in which group. */
const OURS =
  'ls -lRd --time-style=full-iso /usr/lib/culvert /usr/lib/culvert/* /usr/*bin/culvert* 2>&1 || true; cat /etc/group';
const ALICE = { env: { SUDO_USER: 'alice' } };
/** Which programs of ours run, and from where. */
const PROGRAMS = 'readlink /proc/[0-9]*/exe | grep -E "node|culvert" || true';
const TABS = [
  '/usr/share/bash-completion/completions/culvert',
  '/usr/share/zsh/vendor-completions/_culvert',
  '/usr/share/fish/vendor_completions.d/culvert.fish',
];
/** Everything of mallory's that could be run by mistake says so here. */
const CAUGHT = '/home/mallory/caught';

let lab: Lab;
let laptop: Host;

beforeAll(async () => {
  lab = await Lab.build({
    segments: [],
    hosts: { laptop: { holds: 'culvert', links: [], users: ['alice', 'mallory'] } },
  });
  laptop = lab.host('laptop');
});
afterAll(async () => {
  await lab?.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(lab.logs.slice(-20_000)));
});

test('who is not root is told what to do, and nothing happens', async () => {
  const before = await filesOf(laptop);

  const end = await laptop.try([INSTALLER], { user: 'alice' });

  expect([end.code, end.stderr]).toEqual([77, `culvert: This needs root: sudo ${INSTALLER}\n`]);
  expect(await filesOf(laptop)).toEqual(before);
});

test('a checkout that is not built is told what is missing', async () => {
  await laptop.sh(
    'mkdir -p /root/checkout/app && cp -r /opt/culvert/app/packaging /root/checkout/app/',
  );

  const end = await laptop.try(['/root/checkout/app/packaging/install.sh']);
  await laptop.run(['rm', '-r', '/root/checkout']);

  expect(end.code).toBe(69);
  expect(end.stderr).toContain('Run “npm run setup” in it, then try again.');
});

describe('installed, used and removed', () => {
  let before: string[];

  test('it is installed and says what to do next', async () => {
    await laptop.run(['mkdir', '-p', ...TABS.map((file) => file.replace(/\/[^/]+$/, ''))]);
    before = await filesOf(laptop);

    const said = await runInstaller(laptop, 'alice');

    expect(said.split('\n')).toEqual([
      'culvert: alice may use Culvert now. Sign out of this computer and in again, so that it counts.',
      'culvert: This computer does not run systemd. Have your own service manager run, as root: /usr/sbin/culvertd',
      'culvert: Installed. Next: culvert login LINK, with the link from your organisation.',
      '',
    ]);
  });

  test('all of it is root’s, and nobody else may write to any of it', async () => {
    const places = '/usr/lib/culvert /usr/bin/culvert /usr/sbin/culvertd';

    expect(await laptop.sh(`find ${places} ! -uid 0 -o ! -gid 0`)).toBe('');
    expect(await laptop.sh(`find ${places} -perm /022 ! -type l`)).toBe('');
    expect((await laptop.sh('cd /usr/lib/culvert && find . -type f | sort')).split('\n')).toEqual([
      './bin/culvert',
      './bin/culvertd',
      './changed',
      './culvert-engine',
      './culvert.mjs',
      './culvertd.mjs',
      './install.sh',
      './node',
      './peercred.node',
      '',
    ]);
  });

  test('each shell finds what Tab completes', async () => {
    for (const file of TABS)
      expect(await laptop.run(['cat', file], { user: 'alice' })).toContain(
        'culvert: completion for',
      );
  });

  test('alice reaches the daemon that runs from there, mallory does not', async () => {
    const daemon = laptop.start('culvertd', ['/usr/sbin/culvertd']);
    await daemon.waitFor(/culvertd runs/);

    const alice = await laptop.try(['culvert', 'status', '--json'], { user: 'alice' });
    const mallory = await laptop.try(['culvert', 'status'], { user: 'mallory' });

    expect([alice.code, JSON.parse(alice.stdout).wanted]).toEqual([4, 'off']);
    expect([mallory.code, mallory.stdout]).toEqual([5, '']);
    expect(await laptop.sh(PROGRAMS)).toBe('/usr/lib/culvert/node\n');
  });

  test('installed again it changes no group, and says that the daemon is still the old one', async () => {
    const said = await laptop.run([INSTALLER], ALICE);

    expect(said).toMatch(
      /^culvert: culvertd still runs as it was \(process \d+\)\. Start it again; the tunnel stays up meanwhile\.\n/,
    );
    expect(await laptop.read('/usr/lib/culvert/changed')).toBe('group\nmember alice\n');
  });

  test('removed, the daemon is gone and each file is as before', async () => {
    const said = await laptop.run(['/usr/lib/culvert/install.sh', '--uninstall']);

    expect(said).toContain('Culvert is gone from this computer, with this device’s keys.');
    expect(await laptop.sh(PROGRAMS)).toBe('');
    expect(await filesOf(laptop)).toEqual(before);
  });

  test('removing what is not there changes nothing', async () => {
    await laptop.run([INSTALLER, '--uninstall']);

    expect(await filesOf(laptop)).toEqual(before);
  });
});

describe('what somebody prepared', () => {
  beforeAll(() => setTraps());

  test('a directory, a path and an environment full of traps: none of them is sprung', async () => {
    await laptop.sh(amongTraps(INSTALLER));
    const daemon = laptop.start('culvertd', ['bash', '-c', amongTraps('/usr/sbin/culvertd')]);
    await daemon.waitFor(/culvertd runs/);
    const status = await laptop.try(['bash', '-c', amongTraps('/usr/bin/culvert')], {
      user: 'alice',
    });
    await laptop.sh(amongTraps('/usr/lib/culvert/install.sh --uninstall'));

    expect(status.code).toBe(4);
    expect((await laptop.try(['cat', CAUGHT])).stdout).toBe('');
  });

  test('the traps work: each of them would have told', async () => {
    await laptop.sh('export PATH=/home/mallory/bin:$PATH; id; node --version || true');
    await laptop.sh('LD_PRELOAD=/home/mallory/trap.so /usr/bin/true');
    await laptop.run(['/opt/culvert/node_modules/.bin/node', '-e', '0'], {
      env: { NODE_OPTIONS: '--require /home/mallory/trap.cjs' },
    });

    const caught = await laptop.read(CAUGHT);
    await laptop.run(['rm', CAUGHT]);
    expect(caught.trim().split('\n')).toEqual(['id', 'node', 'LD_PRELOAD true', 'NODE_OPTIONS']);
  });

  test.each([
    [
      'a folder of hers',
      'mkdir /usr/lib/culvert && chown mallory /usr/lib/culvert',
      'does not belong to root',
    ],
    ['a folder that all may write to', 'mkdir -m 777 /usr/lib/culvert', 'Others may write'],
    [
      'a file in it that all may write to',
      'mkdir /usr/lib/culvert && install -m 666 /dev/null /usr/lib/culvert/node',
      'Others may write',
    ],
    ['a link to a folder of hers', 'ln -s /home/mallory/here /usr/lib/culvert', 'is not a folder'],
    ['a link that leads nowhere', 'ln -s /nowhere /usr/lib/culvert', 'is not a folder'],
    [
      'another program called culvert',
      'ln -s /home/mallory/bin/id /usr/bin/culvert',
      'belongs to something else',
    ],
    [
      'another program called culvertd',
      'cp /bin/true /usr/sbin/culvertd',
      'belongs to something else',
    ],
  ])('%s is refused, and left as it is', async (_what, prepare, sentence) => {
    await laptop.sh(prepare);
    const prepared = await laptop.sh(OURS);

    const end = await laptop.try([INSTALLER], ALICE);

    expect(end.code).toBe(73);
    expect(end.stderr).toContain(sentence);
    expect(await laptop.sh(OURS)).toBe(prepared);
    await laptop.run(['rm', '-rf', '/usr/lib/culvert', '/usr/bin/culvert', '/usr/sbin/culvertd']);
  });

  test.each(['--help; touch /root/ran', '$(touch /root/ran)', '-G root', 'no-such-person'])(
    'a user called “%s” is nobody',
    async (name) => {
      await laptop.try([INSTALLER], { env: { SUDO_USER: name } });

      const members = await laptop.run(['getent', 'group', 'culvert', 'root']);
      await laptop.run([INSTALLER, '--uninstall']);
      expect(members).toMatch(/^culvert:x:\d+:\nroot:x:0:\n$/);
      expect((await laptop.try(['test', '-e', '/root/ran'])).code).toBe(1);
    },
  );
});

/** Programs, libraries and folders of mallory's, each of which tells when it is run. */
async function setTraps(): Promise<void> {
  await laptop.sh(`
    cd /home/mallory && mkdir -p bin here
    for name in id cp mv find stat node nft ip sh groupadd usermod getent readlink dirname culvert culvertd env; do
      printf '#!/bin/bash\\necho %s >>${CAUGHT}\\nexec /usr/bin/%s "$@"\\n' $name $name >bin/$name
      chmod 755 bin/$name
      cp bin/$name here/$name
    done
    echo 'require("fs").appendFileSync("${CAUGHT}", "NODE_OPTIONS\\n")' >trap.cjs
    cp trap.cjs here/index.js
    echo 'echo ENV >>${CAUGHT}' >trap.sh
    mkdir -p here/node_modules && cp -r trap.cjs here/node_modules/ws.js
    cat >trap.c <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
__attribute__((constructor)) static void sprung(void) {
  char name[64] = {0};
  int comm = open("/proc/self/comm", O_RDONLY);
  if (comm < 0 || read(comm, name, 63) < 1) return;
  close(comm);
  /* The kernel loads it into the shell that the caller himself names; what that starts must be free of it. */
  if (strcmp(name, "install.sh\\n") == 0 || strcmp(name, "culvertd\\n") == 0) return;
  int out = open("${CAUGHT}", O_WRONLY | O_APPEND | O_CREAT, 0666);
  dprintf(out, "LD_PRELOAD %s", name);
  close(out);
}
C
    cc -shared -fPIC -o trap.so trap.c
    chown -R mallory: /home/mallory && chmod 755 /home/mallory
  `);
}

/** In mallory's directory, with everything that she could have put into an environment. */
function amongTraps(command: string): string {
  const environment = {
    PATH: '.:/home/mallory/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    SUDO_USER: 'alice',
    LD_LIBRARY_PATH: '/home/mallory/here',
    NODE_OPTIONS: '"--require /home/mallory/trap.cjs"',
    NODE_PATH: '/home/mallory/here/node_modules',
    ENV: '/home/mallory/trap.sh',
    BASH_ENV: '/home/mallory/trap.sh',
    CDPATH: '/home/mallory/here',
    TMPDIR: '/home/mallory/here',
    HOME: '/home/mallory',
    // A user's own programs are the user's own affair; root's are not.
    ...(command === '/usr/bin/culvert' ? {} : { LD_PRELOAD: '/home/mallory/trap.so' }),
  };
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return `cd /home/mallory/here && export ${words.join(' ')} && exec ${command}`;
}

/** What programs are installed into, with owner and mode; of files that several programs write also what is in them. */
async function filesOf(host: Host): Promise<string[]> {
  // Passwords' own programs keep the file before the last change beside it.
  const backups = "! -name 'group-' ! -name 'gshadow-' ! -name .pwd.lock";
  const script = `
    find /etc ${backups} -type f -exec sha256sum {} +
    find /usr /var /run /tmp /home/alice \\( -type f -o -type l \\) -printf '%p %y %m %U %G %s %l\\n'
    find /etc /usr /var /run /tmp /home/alice -type d -printf '%p %m %U %G\\n'`;
  return (await host.sh(script, { timeoutMs: 120_000 })).split('\n').sort();
}
