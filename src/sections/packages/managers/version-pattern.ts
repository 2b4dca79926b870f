/** True for a text that a version with `*` for anything stands for, as apt and dnf take it; without one, for the same text. */
export function matchesVersion(text: string, wanted: string): boolean {
  if (!wanted.includes('*')) return text === wanted;
  const parts = wanted.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}
