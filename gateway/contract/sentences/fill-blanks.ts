/** Fills the blanks of a sentence, so that it reads as if somebody had written it whole. */

export type Language = 'en' | 'ja';

/** A blank that nothing fills stays as it is. What fills one is never searched for blanks itself. */
export function fillBlanks(
  sentence: string,
  language: Language,
  fillingOf: (name: string) => string | undefined,
): string {
  return sentence.replaceAll(
    /( ?)\{(\w+)\}( ?)/g,
    (blank, before: string, name: string, after: string) => {
      const filling = fillingOf(name);
      if (filling === undefined) return blank;
      if (language === 'en') return before + filling + after;
      // Tables leave a space between Japanese and Latin text; where Japanese fills the blank there is none.
      return (
        (beginsJapanese(filling) ? '' : before) + filling + (endsJapanese(filling) ? '' : after)
      );
    },
  );
}

const JAPANESE = '[\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Han}ー、。「」（）：]';
const beginsJapanese = tester(new RegExp(`^${JAPANESE}`, 'u'));
const endsJapanese = tester(new RegExp(`${JAPANESE}$`, 'u'));

function tester(pattern: RegExp): (text: string) => boolean {
  return (text) => pattern.test(text);
}
