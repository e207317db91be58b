/**
 * Mantine's design tokens as a stylesheet, made while building: at run time the provider would put them into a style element,
 * which the window's policy (style-src 'self') does not allow.
 */
import {
  convertCssVariables,
  DEFAULT_THEME,
  defaultCssVariablesResolver,
  mergeMantineTheme,
} from '@mantine/core';
import { theme } from './src/theme.ts';

export function themeStylesheet(): string {
  const tokens = defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme));
  return convertCssVariables({
    variables: tokens.variables,
    light: { ...tokens.light, '--mantine-color-scheme': 'light' },
    dark: { ...tokens.dark, '--mantine-color-scheme': 'dark' },
  });
}
