#!/usr/bin/env node
// The launcher. Any Node can parse it; dowser itself needs Node 22 or newer.
'use strict';
var node22 = require('./node22.cjs');

if (node22.isRecent()) {
  require('./start.cjs');
} else {
  var words = process.argv.slice(2);
  var carried = node22.carriedNode();
  if (carried) {
    node22.handOver(carried, [__filename].concat(words));
  } else {
    var command = ['npx -y -p node@24 -p dowser dowser'].concat(words.map(node22.quoted)).join(' ');
    var problem = 'dowser needs Node 22 or newer; this is Node ' + process.versions.node + '.\n';
    process.stderr.write(problem + 'This runs it on a newer one without touching yours:\n\n  ' + command + '\n');
    process.exit(1);
  }
}
