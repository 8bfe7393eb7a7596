/** C and C++ as a parser sees them best: macros that stand where the grammar has no place for a word are blanked. */

/** A name in capitals with an underscore, perhaps with arguments: nearly always a macro. */
const MACRO = String.raw`\b_?[A-Z][A-Z0-9]*_[A-Z0-9_]*\b(?:\([^()\n]*\))?`;
/** Between `class` and a name, one without an underscore is a macro too. */
const ATTRIBUTE = String.raw`(?:_*[A-Z][A-Z0-9_]+\b(?:\([^()\n]*\))?|\[\[[^\]\n]*\]\]|alignas\([^()\n]*\))`;

/** Runs of blanks are bounded, and look-behinds come second: no text may cost more than its length. */
const MACROS: readonly RegExp[] = [
  // class EXPORTED Name final : public Base {
  new RegExp(
    String.raw`(?=[_A-Z[a])(?<=\b(?:class|struct|union|enum)[ \t]{1,8})(?:${ATTRIBUTE}\s{1,40})+(?=[A-Za-z_][\w:]*(?:<[^;{}]{0,200}>)?\s*(?:final\s*)?(?:\{|:(?!:)|//))`,
    'g',
  ),
  // class EXPORTED Name; declares no variable.
  new RegExp(String.raw`(?=[_A-Z[a])(?<=\bclass[ \t]{1,8})(?:${ATTRIBUTE}[ \t]{1,40})+(?=\w+;)`, 'g'),
  // NAMESPACE_BEGIN or PRIVATE_UNLESS_TESTED: alone on its line, but not TEST_BEGIN(name) and its body, nor what a #define goes on with.
  new RegExp(String.raw`(?<!\\\r?\n)^[ \t]*${MACRO}:?[ \t]*$(?!\s*\{)`, 'gm'),
  // EXPORTED_FUNCTION int name()
  new RegExp(String.raw`^[ \t]*${MACRO}(?=[ \t]+[A-Za-z_][\w:]*(?:<[^<>\n]*>)?[ \t*&]+[A-Za-z_~])`, 'gm'),
  // void name() const LOCKS_EXCLUDED(mutex) {
  new RegExp(
    String.raw`(?=_?[A-Z])(?<=\)(?:[ \t]+(?:const|noexcept|override|final))*(?:[ \t]{1,40}|\n[ \t]{1,40}))${MACRO}(?=\s{0,40}[;{,)])`,
    'g',
  ),
  // int count GUARDED_BY(mutex);
  new RegExp(String.raw`(?=_?[A-Z])(?<=\w[ \t]{1,8})${MACRO}(?<=\))(?=[ \t]*[;,)=])`, 'g'),
  // char* lib_nonnull name
  /\b\w{1,20}_(?:nonnull|nullable|nullability_unknown)\b(?=[ \t]+[A-Za-z_])|(?<=\*[ \t]?)\b\w{0,20}_(?:nonnull|nullable|nullability_unknown)\b/gi,
];

/** The same text, every line and column where it was, without such macros. */
export function blankMacros(text: string): string {
  return MACROS.reduce((rest, macro) => rest.replace(macro, (found) => found.replace(/[^\r\n]/g, ' ')), text);
}
