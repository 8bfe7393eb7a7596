// Finds a Node that dowser runs on, and hands a command over to it. Written for any Node: no syntax newer than 2015.
'use strict';
var fs = require('fs');
var path = require('path');
var spawn = require('child_process').spawn;

var NODE_MAJOR_MIN = 22; // better-sqlite3 13 crashes on 20

function isRecent() {
  return Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN;
}

/** The Node that a clone carries among its development packages, or undefined in an installed package. */
function carriedNode() {
  var modules = path.join(__dirname, '..', 'node_modules');
  var file = path.join('bin', process.platform === 'win32' ? 'node.exe' : 'node');
  var names = [
    'node-' + process.platform.replace('win32', 'win') + '-' + process.arch,
    'node-bin-' + process.platform + '-' + process.arch,
  ];
  for (var i = 0; i < names.length; i++) {
    var candidate = path.join(modules, names[i], file);
    if (fs.existsSync(candidate)) return candidate;
  }
  return undefined;
}

/** Runs `node args` with our stdin, stdout and stderr, passes signals on, and ends as it ends. */
function handOver(node, args) {
  var env = Object.assign({}, process.env);
  env.PATH = path.dirname(node) + path.delimiter + (env.PATH || '');
  var child = spawn(node, args, { stdio: 'inherit', env: env });
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => {
    process.on(signal, () => {
      child.kill(signal);
    });
  });
  child.on('error', (error) => {
    process.stderr.write('dowser: could not start ' + node + ': ' + error.message + '\n');
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else {
      process.exit(code === null ? 1 : code);
    }
  });
}

/** A word as a shell takes it. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'";
}

module.exports = { carriedNode: carriedNode, handOver: handOver, isRecent: isRecent, quoted: quoted };
