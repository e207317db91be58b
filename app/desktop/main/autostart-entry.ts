/** The XDG autostart entry, as the Desktop Entry Specification quotes it. */
export const HIDDEN_FLAG = '--hidden';

export function autostartEntry(executable: string): string {
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Culvert',
    `Exec=${quoted(executable)} ${HIDDEN_FLAG}`,
    'Icon=culvert',
    'X-GNOME-Autostart-enabled=true',
    '',
  ].join('\n');
}

/** Quoted for the argument, once more for the string that holds it; a percent sign would start a field code. */
function quoted(argument: string): string {
  const inside = argument.replaceAll(/["`$\\]/g, '\\$&').replaceAll('\\', '\\\\');
  return `"${inside.replaceAll('%', '%%')}"`;
}
