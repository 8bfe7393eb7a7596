// Loads the program. Apart from the launcher because old Nodes can't parse import().
'use strict';
var fs = require('node:fs');
var path = require('node:path');

if (fs.existsSync(path.join(__dirname, '..', 'dist', 'cli', 'main.js'))) {
  import('../dist/cli/main.js').then((main) => main.run(process.argv.slice(2)));
} else {
  process.stderr.write('dowser is not built yet. In a clone, this builds it: npm ci && npm run build\n');
  process.exit(1);
}
