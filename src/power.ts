/** Whether this is a good moment for long work: on mains power, on a machine that others do not need. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';

/** When work behind the answers pauses. `DOWSER_PAUSE`. */
export const PAUSES = ['battery', 'load', 'battery+load', 'always', 'never'] as const;
export type Pause = (typeof PAUSES)[number];

/** Why work pauses at the moment. */
export type PauseReason = 'battery' | 'load' | 'setting';

const SUPPLIES = '/sys/class/power_supply';
/** Processes per core that want to run, our own among them: beyond, somebody waits. */
const LOAD_PER_CORE_MAX = 1.5;
const ASK_MS_MAX = 2_000;

/** Undefined when nothing speaks against work. */
export async function pauseReason(pause: Pause): Promise<PauseReason | undefined> {
  if (pause === 'always') return 'setting';
  if (pause.includes('battery') && (await isOnBattery())) return 'battery';
  return pause.includes('load') && loadavg()[0]! > LOAD_PER_CORE_MAX * availableParallelism() ? 'load' : undefined;
}

/** False as well where the system does not say: on Windows, and on machines without a battery. */
export async function isOnBattery(supplies = SUPPLIES): Promise<boolean> {
  if (process.platform === 'darwin') return (await said('/usr/bin/pmset', ['-g', 'batt'])).includes('Battery Power');
  return listed(supplies).some(
    (supply) =>
      read(join(supplies, supply, 'type')) === 'Battery' &&
      read(join(supplies, supply, 'scope')) !== 'Device' &&
      read(join(supplies, supply, 'status')) === 'Discharging',
  );
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function said(program: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, [...words], { timeout: ASK_MS_MAX }, (_error, stdout) => resolve(stdout));
  });
}
