// Loads the program. Apart from the launcher because old Nodes can't parse import().
'use strict';
import('../dist/cli/main.js').then((main) => main.run(process.argv.slice(2)));
