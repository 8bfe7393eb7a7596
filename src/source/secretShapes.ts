/** What secrets look like: where the scanner is worth asking, and the kinds that it does not know. A table. */

/** The end of a private key in PEM. */
export const PRIVATE_KEY = /-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----/;

/** Names of things that hold a secret. */
const SECRET_WORD =
  '(?:secret|passw(?:or)?d|passphrase|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credential|pwd)';
/** A name with such a word, and what is assigned to it as a string. */
const ASSIGNED = `${SECRET_WORD}[\\w.\\-\\]"'\`]{0,24}\\s{0,3}(?:=>|:=|==?|:)\\s{0,3}`;

/**
 * One of these is on the line of every secret that a rule can find; what has none is not scanned. That makes the
 * scanner's 4 MB/s a matter of a few lines. Each begins with what is rare, so that all together read 150 MB/s.
 */
export const SUSPICIOUS: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/g,
  /\b(?:AKIA|ASIA)[A-Z2-7]{16}/g,
  /\bAIza[\w-]{35}/g,
  /\beyJ[\w-]{10,}\.eyJ/g,
  /AccountKey=|\bops_ey|\bSG\.[\w-]{20}|hooks\.slack\.com\/|\bAGE-SECRET-KEY-1/g,
  /\b(?:[sr]k_(?:live|test)|gh[pousr]|npm|hf)_[A-Za-z0-9]{16}|\bglpat-[\w-]{20}/g,
  /\bdp\.[a-z]{2}\.[A-Za-z0-9]{40}/g,
  /:\/\/[^\s/:@]{0,64}:[^\s/@]{3,100}@/g,
  // A short name of the issuer, then what no word looks like: ghp_…, glpat-…, sk-…, xoxb-…, npm_…
  /(?<=\b[A-Za-z]{2,11})[_-](?=[A-Za-z_-]{0,100}[0-9])[\w-]{19,}/g,
  new RegExp(`(?<=[=:>]\\s{0,3})["'\`](?=[^"'\`\\s]{0,60}\\d)(?<=${ASSIGNED}["'\`])[^"'\`\\s]{8,}["'\`]`, 'gi'),
  /aws.{0,20}["'\s:=]{1,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/gi,
];

/** Kinds beside the scanner's own; `secret` is the part that is masked. */
export const OWN_RULES: readonly { readonly kind: string; readonly pattern: RegExp }[] = [
  // Formats as their issuers document them, compared with the open rule sets of gitleaks and TruffleHog.
  { kind: 'aws key', pattern: /\b(?<secret>(?:AKIA|ASIA)[A-Z2-7]{16})\b/dg },
  { kind: 'google api key', pattern: /\b(?<secret>AIza[\w-]{35})(?![\w-])/dg },
  { kind: 'web token', pattern: /\b(?<secret>eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{16,})/dg },
  { kind: 'azure key', pattern: /AccountKey=(?<secret>[A-Za-z0-9+/]{86}==)/dg },
  { kind: 'hugging face', pattern: /\b(?<secret>hf_[A-Za-z0-9]{34})\b/dg },
  { kind: 'stripe', pattern: /\b(?<secret>[sr]k_(?:live|test)_[A-Za-z0-9]{20,})/dg },
  { kind: 'digitalocean', pattern: /\b(?<secret>do[opr]_v1_[0-9a-f]{64})\b/dg },
  { kind: 'pypi', pattern: /\b(?<secret>pypi-AgEIcHlwaS5vcmc[\w-]{50,})/dg },
  { kind: 'age key', pattern: /\b(?<secret>AGE-SECRET-KEY-1[0-9A-Z]{58})\b/dg },
  { kind: 'doppler', pattern: /\b(?<secret>dp\.[a-z]{2}\.[A-Za-z0-9]{40,})\b/dg },
  { kind: 'password', pattern: new RegExp(`${ASSIGNED}(?<quote>["'\`])(?<secret>[^"'\`\\s]{8,200})\\k<quote>`, 'dgi') },
];

/** What people write where a secret would stand. */
const STAND_IN =
  /example|sample|dummy|fake|test|placeholder|change|your|secret|password|passwd|passphrase|token|hunter2|foo|bar|abcd|1234|qwer|xxx|\*\*\*|\.\.\.|<|>|\$|\{|\}|%|\(|\)|\[|\]|,|;|:\/\//i;
const STAND_IN_PASSWORDS = /^(pass|pwd|pw|user|username|admin|root|guest|postgres|mysql|redis|p|x+|p@ss\w*|\*+|\.+)$/i;
/** Bits a character, of letters that were drawn at random 3.5 and more; of words and names 3 and less. */
const ENTROPY_BITS_MIN = 3.2;

/** Whether what stands in a secret's place can't be one: kinds without a format of their own take only what looks drawn at random. */
export function isPlaceholder(secret: string, kind: string): boolean {
  if (kind === 'password in an address')
    return STAND_IN_PASSWORDS.test(secret) || STAND_IN.test(secret) || secret.length < 6;
  if (kind !== 'password') return new Set(secret).size < Math.min(6, secret.length);
  return STAND_IN.test(secret) || !looksRandom(secret);
}

/** Letters and digits mixed as no name mixes them. */
function looksRandom(value: string): boolean {
  if (value.length < 10 || !/\d/.test(value) || !/[A-Za-z]/.test(value)) return false;
  if (/^[./~@#]/.test(value) || /^[a-z]+([-_.:/][a-z]*\d*)+$/i.test(value)) return false;
  const switches = value.match(/\d(?=[A-Za-z])|[A-Za-z](?=\d)|[a-z](?=[A-Z])/g)?.length ?? 0;
  return switches >= 3 && entropyBits(value) >= ENTROPY_BITS_MIN;
}

function entropyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
