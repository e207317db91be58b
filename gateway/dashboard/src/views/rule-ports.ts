/** Ports as people write them: `22, 443, 8000-8100`. */
import { PortRange, type RuleInput } from '../../../contract/admin-api.ts';

type Ports = RuleInput['ports'];

export function portsText(ports: Ports): string {
  return ports.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/** Undefined when something in it is no port. */
export function readPorts(text: string): Ports | undefined {
  const ports: Ports = [];
  for (const part of text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)) {
    const match = /^(\d{1,5})(?:\s*[-–]\s*(\d{1,5}))?$/.exec(part);
    const range = PortRange.safeParse({
      from: Number(match?.[1]),
      to: Number(match?.[2] ?? match?.[1]),
    });
    if (!match || !range.success) return undefined;
    ports.push(range.data);
  }
  return ports;
}
