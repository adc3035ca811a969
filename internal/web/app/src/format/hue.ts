/** One of the eight hues, the same for the same text each time; 0 is grey and for nothing special. */
export function hueOf(text: string): number {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return 1 + (sum % 7);
}
