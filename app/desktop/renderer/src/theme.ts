import { createTheme, type MantineColorsTuple } from '@mantine/core';

/** Deep water. White text has 4.5:1 on 7 and 8 (WCAG AA), and 7 stands out from the dark body with 3:1. */
const culvert: MantineColorsTuple = [
  '#e6f6f7',
  '#d2e8ea',
  '#a4d2d5',
  '#72babf',
  '#4ba6ac',
  '#329aa1',
  '#22949b',
  '#0e7a81',
  '#0b6e75',
  '#005f66',
];

export const theme = createTheme({
  primaryColor: 'culvert',
  primaryShade: { light: 8, dark: 7 },
  colors: { culvert },
  autoContrast: true,
  defaultRadius: 'md',
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans CJK JP", sans-serif',
  respectReducedMotion: true,
  cursorType: 'pointer',
});
