/** Levelled logger. stderr only: stdout belongs to the protocol and to a command's answer. */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

let threshold: LogLevel = 'warn';

/** Sets what is written from now on. Worker threads set their own. */
export function setLogLevel(level: LogLevel): void {
  threshold = level;
}

/** Writes one line. Control characters are escaped, so that a file's name can't forge lines or colours. */
function write(level: LogLevel, message: string, fields?: Record<string, unknown>): void {
  if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(threshold)) return;
  const text = fields === undefined ? message : `${message} ${JSON.stringify(fields)}`;
  process.stderr.write(`dowser ${level}: ${escapeControl(text)}\n`);
}

function escapeControl(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

export const log = {
  error: (message: string, fields?: Record<string, unknown>) => write('error', message, fields),
  warn: (message: string, fields?: Record<string, unknown>) => write('warn', message, fields),
  info: (message: string, fields?: Record<string, unknown>) => write('info', message, fields),
  debug: (message: string, fields?: Record<string, unknown>) => write('debug', message, fields),
};
