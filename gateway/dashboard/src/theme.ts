import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

/** Deep water: dark enough at 7 for white text (WCAG AA needs 4.5:1). */
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
  components: {
    // The head of a dialog is no banner of the page.
    Modal: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
    Drawer: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
  },
});

/** The library's own quiet texts stay below 4.5:1. */
export const readable: CSSVariablesResolver = () => ({
  variables: {},
  light: { '--mantine-color-dimmed': '#495057', '--mantine-color-placeholder': '#6b7280' },
  dark: { '--mantine-color-dimmed': '#b8b8b8', '--mantine-color-placeholder': '#9a9a9a' },
});
