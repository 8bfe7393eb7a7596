/** Loaded before the program (`--import`): every statement commits on its own. The control of whoever proves that transactions hold. */
import Database from 'better-sqlite3';

Database.prototype.transaction = ((work: () => unknown) => ({ immediate: work })) as never;
