#!/usr/bin/env node
// The launcher. Any Node can parse it; dowser itself needs Node 22 or newer.
'use strict';
var node22 = require('./node22.cjs');

if (node22.isRecent()) {
  require('./start.cjs');
} else {
  var carried = node22.carriedNode();
  if (carried) {
    node22.handOver(carried, [__filename].concat(process.argv.slice(2)));
  } else {
    process.stderr.write(
      'dowser needs Node 22 or newer; this is Node ' + process.versions.node + '.\n' +
      'This runs it on a newer one without touching yours:\n\n  npx -y -p node@24 -p dowser dowser ' + process.argv.slice(2).join(' ') + '\n',
    );
    process.exit(1);
  }
}
