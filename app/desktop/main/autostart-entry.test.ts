import { expect, test } from 'vitest';
import { autostartEntry } from './autostart-entry.ts';

const execOf = (executable: string) => /^Exec=(.*)$/m.exec(autostartEntry(executable))?.[1];

test('it starts without a window', () => {
  expect(execOf('/opt/Culvert/culvert-desktop')).toBe('"/opt/Culvert/culvert-desktop" --hidden');
});

test('a path with characters of the specification stays one argument', () => {
  expect(execOf('/home/a b/100%/x')).toBe('"/home/a b/100%%/x" --hidden');
  expect(execOf('/home/$HOME/"`/x')).toBe('"/home/\\\\$HOME/\\\\"\\\\`/x" --hidden');
});
