/**
 *   left ── lan ── router ── wan ── right
 *   10.1.0.2     .1   203.0.113.1   203.0.113.9
 */
import { readdir, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { Lab } from './lab.ts';
import type { Topology } from './topology.ts';

const topology: Topology = {
  segments: ['lan', 'wan'],
  hosts: {
    left: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'lan', addresses: ['10.1.0.2/24'] }],
      via: ['10.1.0.1'],
      users: ['alice'],
    },
    router: {
      holds: 'bare',
      links: [
        { name: 'lan0', segment: 'lan', addresses: ['10.1.0.1/24'] },
        { name: 'wan0', segment: 'wan', addresses: ['203.0.113.1/24'] },
      ],
      masqueradeOut: 'wan0',
    },
    right: {
      holds: 'bare',
      links: [{ name: 'eth0', segment: 'wan', addresses: ['203.0.113.9/24'] }],
    },
  },
};

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.build(topology);
});
afterAll(async () => {
  await lab?.stop();
});

test('a host behind a router reaches out and is not reached', async () => {
  await lab.host('left').run(['ping', '-c1', '-W10', '203.0.113.9']);

  const inward = await lab
    .host('right')
    .try(['sh', '-c', 'ip route add 10.1.0.0/24 via 203.0.113.1; ping -c1 -W1 10.1.0.2']);

  expect(inward.code).not.toBe(0);
});

test('hosts have file systems and processes of their own', async () => {
  await lab.host('left').write('/etc/only-here', 'x');

  expect((await lab.host('router').try(['test', '-e', '/etc/only-here'])).code).toBe(1);
  expect((await lab.host('left').run(['sh', '-c', 'ls -d /proc/[0-9]* | wc -l'])).trim()).toMatch(
    /^[1-5]$/,
  );
});

test('a bare host holds nothing of ours, and the other has the repository', async () => {
  expect(
    (await lab.host('right').try(['sh', '-c', 'command -v node; ls /opt/culvert'])).code,
  ).not.toBe(0);
  expect(
    await lab.host('left').run(['head', '-c1', '/opt/culvert/package.json'], { user: 'alice' }),
  ).toBe('{');
});

test('people are not root', async () => {
  const status = await lab.host('left').run(['cat', '/proc/self/status'], { user: 'alice' });

  expect(status).toMatch(/CapEff:\t0+\n/);
  expect(
    (await lab.host('left').try(['ip', 'link', 'add', 'x', 'type', 'bridge'], { user: 'alice' }))
      .code,
  ).not.toBe(0);
});

test('stopping a lab leaves no process and no namespace', async () => {
  const other = await Lab.build({
    segments: ['s'],
    hosts: {
      one: { holds: 'bare', links: [{ name: 'eth0', segment: 's', addresses: ['10.9.0.1/24'] }] },
    },
  });
  other.host('one').start('sleeper', ['sleep', '1000']);
  const made = await Promise.all(
    [other.host('one'), other.fabric].map((host) => namespaceOf(host.pid)),
  );
  expect(await namespacesInUse()).toEqual(expect.arrayContaining(made));

  await other.stop();

  // Who was killed with its namespace's first process is gone a moment after it.
  await eventually(async () => {
    const inUse = await namespacesInUse();
    expect(inUse.filter((namespace) => made.includes(namespace))).toEqual([]);
  });
});

async function namespaceOf(pid: number | string): Promise<string> {
  return await readlink(`/proc/${pid}/ns/net`);
}

/** Network namespaces that have a process. */
async function namespacesInUse(): Promise<string[]> {
  const processes = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(processes.map((pid) => namespaceOf(pid).catch(() => '')));
  return [...new Set(found)];
}
