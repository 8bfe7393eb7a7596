/** One row per language: how its files are recognised, and which nodes of its grammar define or describe something. */

/**
 * What the chunker knows of a grammar: lists of node types separated by blanks.
 *
 * A definition is written `node_type=rule`, where the rule says where its name stands: a path of steps joined by `/`
 * (a step is `field`, `>child_type` or `field>type`), alternatives joined by `|`. In front of the path may stand
 *   `^`  the name belongs to the scope only: it was defined elsewhere (impl, extension)
 *   `!`  counts only where no definition encloses it
 *   `=`  counts only when its value is a function or a class
 *   `?f` counts only when field `f` is there, followed by `:`
 * and `@f` after the path: field `f` names the owner (a method's receiver). `declarator` follows C declarators down,
 * `elixir` reads Elixir's calls, nothing means a definition without a name.
 */
export type Syntax = {
  /** File name in dist/grammars. */
  readonly grammar: string;
  /** Definitions whose members are definitions too: always looked into. */
  readonly containers: string;
  /** Definitions that are looked into only when they don't fit into a chunk. */
  readonly functions: string;
  /** Definitions that count only outside functions, unless what they name is a function. */
  readonly values: string;
  /** Nodes without a name that may hold definitions: always looked into. */
  readonly wrappers: string;
  readonly comments: string;
  /** Decorators, attributes, modifiers: they belong to what follows. */
  readonly attributes: string;
};

export type LanguageRow = {
  readonly id: string;
  /** Lower case, with the dot. The first row that names an extension has it. */
  readonly extensions: readonly string[];
  /** Whole file names, lower case. */
  readonly files: readonly string[];
  /** Interpreters named in a first line that starts with `#!`. */
  readonly shebangs: readonly string[];
  /** Other names that a filter may use. */
  readonly aliases: readonly string[];
  readonly syntax?: Syntax;
  /** Syntax of files with these extensions, where the grammar differs. */
  readonly dialects?: Readonly<Record<string, Syntax>>;
};

const JAVASCRIPT: Syntax = {
  grammar: 'tree-sitter-javascript.wasm',
  containers: 'class_declaration=name class=name',
  functions: `function_declaration=name generator_function_declaration=name method_definition=name function_expression
    generator_function arrow_function class_static_block`,
  values: 'variable_declarator=name>identifier assignment_expression=left pair==key field_definition==property',
  wrappers: `export_statement lexical_declaration variable_declaration expression_statement class_body object
    parenthesized_expression`,
  comments: 'comment html_comment',
  attributes: 'decorator',
};

const TYPESCRIPT: Syntax = {
  ...JAVASCRIPT,
  grammar: 'tree-sitter-typescript.wasm',
  containers: `class_declaration=name abstract_class_declaration=name class=name interface_declaration=name
    internal_module=name module=name`,
  functions: `${JAVASCRIPT.functions} function_signature=name method_signature=name abstract_method_signature=name
    enum_declaration=name type_alias_declaration=name`,
  values: 'variable_declarator=name>identifier assignment_expression=left pair==key public_field_definition==name',
  wrappers: `${JAVASCRIPT.wrappers} ambient_declaration interface_body statement_block as_expression
    satisfies_expression`,
};

const C: Syntax = {
  grammar: 'tree-sitter-c.wasm',
  containers: 'struct_specifier=?body:name union_specifier=?body:name',
  functions: `function_definition=declarator enum_specifier=?body:name preproc_function_def=name
    preproc_def=?value:name`,
  values: 'declaration=declarator type_definition=declarator',
  wrappers: `preproc_if preproc_ifdef preproc_else preproc_elif preproc_elifdef linkage_specification declaration_list
    field_declaration_list field_declaration`,
  comments: 'comment',
  attributes: 'attribute_declaration',
};

const CPP: Syntax = {
  ...C,
  grammar: 'tree-sitter-cpp.wasm',
  containers: `${C.containers} class_specifier=?body:name namespace_definition=name`,
  functions: `${C.functions} concept_definition=name alias_declaration=name lambda_expression`,
  wrappers: `${C.wrappers} template_declaration friend_declaration`,
};

const GRAMMAR_ROWS: readonly LanguageRow[] = [
  row('bash', '.sh .bash .zsh .ksh .bats .ebuild', {
    files: '.bashrc .bash_profile .bash_aliases .zshrc .zprofile .profile pkgbuild',
    shebangs: 'sh bash zsh dash ksh ash',
    aliases: 'shell shellscript',
    syntax: {
      grammar: 'tree-sitter-bash.wasm',
      containers: '',
      functions: 'function_definition=name',
      values: 'variable_assignment=name',
      wrappers: 'declaration_command if_statement else_clause elif_clause case_statement case_item',
      comments: 'comment',
      attributes: '',
    },
  }),
  row('c', '.c', { syntax: C }),
  // C parses under the C++ grammar nearly always, C++ under C's does not, and a header tells neither.
  row('cpp', '.cpp .cc .cxx .c++ .hpp .hh .hxx .h++ .h .inl .ipp .tpp .txx .inc .cu .cuh .ino', {
    aliases: 'c++ cplusplus',
    syntax: CPP,
  }),
  row('csharp', '.cs .csx', {
    aliases: 'c# c-sharp',
    syntax: {
      grammar: 'tree-sitter-c-sharp.wasm',
      containers: `namespace_declaration=name class_declaration=name struct_declaration=name record_declaration=name
        interface_declaration=name`,
      functions: `method_declaration=name constructor_declaration=name destructor_declaration property_declaration=name
        enum_declaration=name delegate_declaration=name event_declaration=name operator_declaration=operator
        conversion_operator_declaration indexer_declaration local_function_statement=name anonymous_method_expression
        lambda_expression file_scoped_namespace_declaration=name`,
      values: 'event_field_declaration=>variable_declaration/>variable_declarator/name',
      wrappers: 'declaration_list preproc_if preproc_else preproc_elif preproc_region global_statement',
      comments: 'comment',
      attributes: 'attribute_list modifier',
    },
  }),
  row('elixir', '.ex .exs', {
    shebangs: 'elixir',
    aliases: 'ex',
    syntax: {
      grammar: 'tree-sitter-elixir.wasm',
      containers: '',
      functions: 'call=elixir anonymous_function',
      values: '',
      wrappers: 'do_block',
      comments: 'comment',
      attributes: 'unary_operator',
    },
  }),
  row('go', '.go', {
    aliases: 'golang',
    syntax: {
      grammar: 'tree-sitter-go.wasm',
      containers: 'type_spec=name',
      functions: 'function_declaration=name method_declaration=name@receiver func_literal method_elem=name',
      values: 'const_spec=name var_spec=name type_alias=name',
      wrappers: 'type_declaration const_declaration var_declaration var_spec_list interface_type',
      comments: 'comment',
      attributes: '',
    },
  }),
  row('haskell', '.hs .lhs .hsc', {
    shebangs: 'runhaskell runghc',
    aliases: 'hs',
    syntax: {
      grammar: 'tree-sitter-haskell.wasm',
      containers: 'class=name instance=^name@patterns',
      functions: `signature=name function=name|>infix/operator bind=name data_type=name newtype=name type_synomym=name
        type_family=name data_family=name kind_signature=name pattern_synonym=>equation/synonym|>signature/synonym
        foreign_import=>signature/name`,
      values: 'header=module',
      wrappers: 'declarations class_declarations instance_declarations class_decl instance_decl top_splice',
      comments: 'comment haddock',
      attributes: 'pragma',
    },
  }),
  row('java', '.java .jav', {
    syntax: {
      grammar: 'tree-sitter-java.wasm',
      containers: `class_declaration=name interface_declaration=name enum_declaration=name record_declaration=name
        annotation_type_declaration=name module_declaration=name`,
      functions: `method_declaration=name constructor_declaration=name compact_constructor_declaration=name
        annotation_type_element_declaration=name static_initializer lambda_expression`,
      values: '',
      wrappers: 'class_body interface_body enum_body enum_body_declarations annotation_type_body enum_constant',
      comments: 'line_comment block_comment',
      attributes: 'modifiers',
    },
  }),
  row('javascript', '.js .jsx .mjs .cjs .es6', {
    files: 'jakefile',
    shebangs: 'node bun',
    aliases: 'js jsx ecmascript nodejs',
    syntax: JAVASCRIPT,
  }),
  row('kotlin', '.kt .kts', {
    aliases: 'kt',
    syntax: {
      grammar: 'tree-sitter-kotlin.wasm',
      containers: 'class_declaration=name object_declaration=name companion_object=name',
      functions: `function_declaration=name secondary_constructor anonymous_initializer lambda_literal
        anonymous_function`,
      values: 'property_declaration=>variable_declaration/>identifier type_alias=type',
      wrappers: 'class_body enum_class_body object_literal',
      comments: 'line_comment block_comment',
      attributes: 'modifiers annotation',
    },
  }),
  row('lua', '.lua .rockspec', {
    files: '.luacheckrc',
    shebangs: 'lua luajit',
    syntax: {
      grammar: 'tree-sitter-lua.wasm',
      containers: '',
      functions: 'function_declaration=name function_definition',
      values: 'assignment_statement=>variable_list/name field==name',
      wrappers: 'variable_declaration table_constructor expression_list return_statement',
      comments: 'comment',
      attributes: '',
    },
  }),
  row('php', '.php .phtml .php3 .php4 .php5 .phps', {
    shebangs: 'php',
    syntax: {
      grammar: 'tree-sitter-php.wasm',
      containers: `class_declaration=name interface_declaration=name trait_declaration=name enum_declaration=name
        namespace_definition=?body:name anonymous_class`,
      functions: `function_definition=name method_declaration=name anonymous_function arrow_function`,
      values: 'const_element=>name property_element==name assignment_expression=!left>variable_name',
      wrappers: `declaration_list enum_declaration_list const_declaration property_declaration expression_statement
        compound_statement if_statement return_statement object_creation_expression`,
      comments: 'comment',
      attributes: 'attribute_list',
    },
  }),
  row('python', '.py .pyi .pyw .pyx .pxd', {
    files: 'sconstruct sconscript wscript',
    shebangs: 'python python2 python3 pypy pypy3',
    aliases: 'py python3',
    syntax: {
      grammar: 'tree-sitter-python.wasm',
      containers: 'class_definition=name',
      functions: 'function_definition=name lambda',
      values: 'assignment=!left>identifier type_alias_statement=left',
      wrappers: `decorated_definition block expression_statement if_statement else_clause elif_clause try_statement
        except_clause finally_clause with_statement`,
      comments: 'comment',
      attributes: 'decorator',
    },
  }),
  row('ruby', '.rb .rake .gemspec .ru .jbuilder .thor .rbi', {
    files: 'rakefile gemfile guardfile vagrantfile capfile podfile fastfile dangerfile brewfile',
    shebangs: 'ruby jruby',
    aliases: 'rb',
    syntax: {
      grammar: 'tree-sitter-ruby.wasm',
      containers: 'module=name class=name singleton_class',
      functions: 'method=name singleton_method=name@object lambda',
      values: 'assignment=left>constant',
      wrappers: 'body_statement begin if unless then else elsif',
      comments: 'comment',
      attributes: '',
    },
  }),
  row('rust', '.rs', {
    aliases: 'rs',
    syntax: {
      grammar: 'tree-sitter-rust.wasm',
      containers: 'mod_item=name impl_item=^type@trait trait_item=name',
      functions: `function_item=name function_signature_item=name struct_item=name enum_item=name union_item=name
        macro_definition=name const_item=name static_item=name type_item=name associated_type=name closure_expression`,
      values: '',
      wrappers: 'declaration_list foreign_mod_item',
      comments: 'line_comment block_comment',
      attributes: 'attribute_item inner_attribute_item',
    },
  }),
  row('scala', '.scala .sc .sbt', {
    shebangs: 'scala',
    syntax: {
      grammar: 'tree-sitter-scala.wasm',
      containers: `class_definition=name trait_definition=name object_definition=name package_object=name
        enum_definition=name given_definition=name`,
      functions: 'function_definition=name function_declaration=name lambda_expression',
      values: `val_definition=pattern>identifier var_definition=pattern>identifier val_declaration=name
        var_declaration=name type_definition=name`,
      wrappers: 'template_body enum_body extension_definition package_clause with_template_body instance_expression',
      comments: 'comment block_comment',
      attributes: 'annotation modifiers',
    },
  }),
  row('swift', '.swift', {
    syntax: {
      grammar: 'tree-sitter-swift.wasm',
      containers: 'class_declaration=^name>user_type|name protocol_declaration=name',
      functions: `function_declaration=name protocol_function_declaration=name init_declaration deinit_declaration
        subscript_declaration lambda_literal macro_declaration=>simple_identifier`,
      values: `property_declaration=name/bound_identifier protocol_property_declaration=name/bound_identifier
        typealias_declaration=name associatedtype_declaration=name`,
      wrappers: 'class_body enum_class_body protocol_body',
      comments: 'comment multiline_comment',
      attributes: 'modifiers attribute',
    },
  }),
  row('typescript', '.ts .tsx .mts .cts', {
    shebangs: 'deno ts-node tsx',
    aliases: 'ts tsx',
    syntax: TYPESCRIPT,
    dialects: { '.tsx': { ...TYPESCRIPT, grammar: 'tree-sitter-tsx.wasm' } },
  }),
  row('zig', '.zig .zon', {
    syntax: {
      grammar: 'tree-sitter-zig.wasm',
      containers: '',
      functions: 'function_declaration=name test_declaration=>string|>identifier comptime_declaration',
      values: 'variable_declaration=>identifier',
      wrappers: 'struct_declaration enum_declaration union_declaration opaque_declaration',
      comments: 'comment',
      attributes: '',
    },
  }),
];

/** Without a grammar: known so that filters and statistics can name them. */
const PLAIN_ROWS: readonly LanguageRow[] = [
  row('markdown', '.md .markdown .mdx .mdown .mkd', { aliases: 'md' }),
  row('rst', '.rst .rest', { aliases: 'restructuredtext' }),
  row('asciidoc', '.adoc .asciidoc'),
  row('org', '.org'),
  row('tex', '.tex .sty .cls .bib', { aliases: 'latex' }),
  row('text', '.txt .text .lock', {
    files: 'license licence copying authors contributors changelog notice readme',
    aliases: 'plaintext txt',
  }),
  row('json', '.json .jsonc .json5 .jsonl .ndjson .geojson .webmanifest .ipynb', {
    files: '.prettierrc .eslintrc .babelrc',
  }),
  row('yaml', '.yaml .yml', { files: '.clang-format .clang-tidy', aliases: 'yml' }),
  row('toml', '.toml', { files: 'pipfile poetry.lock cargo.lock' }),
  row('ini', '.ini .cfg .conf .properties .editorconfig', {
    files: '.editorconfig .gitconfig .npmrc .flake8 .pylintrc',
  }),
  row('dotenv', '.env'),
  row('ignore', '.gitignore .dockerignore', {
    files: '.gitignore .dockerignore .npmignore .eslintignore .gitattributes',
  }),
  row('html', '.html .htm .xhtml'),
  row(
    'template',
    '.hbs .handlebars .mustache .ejs .erb .haml .slim .pug .jade .j2 .jinja .jinja2 .liquid .twig .eex .heex .leex',
  ),
  row('css', '.css .pcss .postcss'),
  row('scss', '.scss .sass', { aliases: 'sass' }),
  row('less', '.less'),
  row('vue', '.vue'),
  row('svelte', '.svelte'),
  row('astro', '.astro'),
  row('xml', '.xml .xsd .xsl .xslt .svg .plist .csproj .fsproj .vbproj .props .targets .pom .storyboard .xib'),
  row('sql', '.sql .ddl .dml .psql .pgsql .plsql'),
  row('prisma', '.prisma'),
  row('graphql', '.graphql .gql .graphqls', { aliases: 'gql' }),
  row('proto', '.proto', { aliases: 'protobuf' }),
  row('thrift', '.thrift'),
  row('dockerfile', '.dockerfile .containerfile', { files: 'dockerfile containerfile', aliases: 'docker' }),
  row('makefile', '.mk .mak .make', { files: 'makefile gnumakefile bsdmakefile', shebangs: 'make', aliases: 'make' }),
  row('cmake', '.cmake', { files: 'cmakelists.txt' }),
  row('meson', '', { files: 'meson.build meson_options.txt' }),
  row('bazel', '.bzl .bazel .star', { files: 'build workspace', aliases: 'starlark' }),
  row('gradle', '.gradle .groovy', { files: 'jenkinsfile', shebangs: 'groovy', aliases: 'groovy' }),
  row('nix', '.nix'),
  row('terraform', '.tf .tfvars .hcl', { aliases: 'hcl' }),
  row('fish', '.fish', { shebangs: 'fish' }),
  row('powershell', '.ps1 .psm1 .psd1', { shebangs: 'pwsh', aliases: 'ps1 pwsh' }),
  row('batch', '.bat .cmd', { aliases: 'bat' }),
  row('awk', '.awk', { shebangs: 'awk gawk' }),
  row('vim', '.vim', { files: '.vimrc', aliases: 'viml vimscript' }),
  row('tcl', '.tcl', { shebangs: 'tclsh' }),
  row('r', '.r .rmd', { shebangs: 'rscript' }),
  row('julia', '.jl', { shebangs: 'julia', aliases: 'jl' }),
  row('dart', '.dart'),
  row('ocaml', '.ml .mli .mll .mly', { shebangs: 'ocaml', aliases: 'ml' }),
  row('fsharp', '.fs .fsi .fsx', { aliases: 'f#' }),
  row('visualbasic', '.vb .vbs .bas', { aliases: 'vb' }),
  row('erlang', '.erl .hrl .escript', { files: 'rebar.config', shebangs: 'escript', aliases: 'erl' }),
  row('gleam', '.gleam'),
  row('clojure', '.clj .cljs .cljc .edn', { shebangs: 'bb clojure', aliases: 'clj' }),
  row('lisp', '.lisp .lsp .el .scm .ss .rkt .fnl', {
    shebangs: 'guile racket sbcl',
    aliases: 'elisp scheme racket commonlisp',
  }),
  row('perl', '.pl .pm .pod .t', { shebangs: 'perl', aliases: 'pl' }),
  row('nim', '.nim .nims .nimble'),
  row('crystal', '.cr', { shebangs: 'crystal' }),
  row('d', '.d .di'),
  row('pascal', '.pas .dpr .pp', { aliases: 'delphi' }),
  row('fortran', '.f .f90 .f95 .f03 .f08 .for'),
  row('ada', '.adb .ads'),
  row('cobol', '.cob .cbl'),
  row('assembly', '.s .asm', { aliases: 'asm' }),
  row('objective-c', '.m .mm', { aliases: 'objc objectivec' }),
  row('solidity', '.sol', { aliases: 'sol' }),
  row('verilog', '.v .sv .svh .vh', { aliases: 'systemverilog' }),
  row('vhdl', '.vhd .vhdl'),
  row('glsl', '.glsl .vert .frag .comp .hlsl .wgsl .metal', { aliases: 'shader hlsl wgsl' }),
  row('haxe', '.hx'),
  row('elm', '.elm'),
  row('purescript', '.purs'),
  row('coffeescript', '.coffee', { shebangs: 'coffee', aliases: 'coffee' }),
  row('csv', '.csv .tsv'),
  row('diff', '.diff .patch'),
];

export const LANGUAGES: readonly LanguageRow[] = [...GRAMMAR_ROWS, ...PLAIN_ROWS];

const BY_ID = new Map(LANGUAGES.map((language) => [language.id, language]));
const BY_EXTENSION = index((language) => language.extensions);
const BY_FILE = index((language) => language.files);
const BY_SHEBANG = index((language) => language.shebangs);
const BY_NAME = index((language) => [language.id, ...language.aliases]);

/** The id of a file's language by its name, else by its first line; 'text' when neither tells. */
export function languageOf(path: string, firstLine?: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const byName = BY_FILE.get(name) ?? BY_EXTENSION.get(extensionOf(name)) ?? BY_FILE.get(name.split('.', 1)[0] || name);
  return byName ?? (firstLine === undefined ? undefined : languageOfShebang(firstLine)) ?? 'text';
}

/** The row of an id; undefined for an id that no row has. */
export function languageRow(id: string): LanguageRow | undefined {
  return BY_ID.get(id);
}

/** What the chunker knows of a file's grammar; undefined where there is none. */
export function syntaxOf(language: string, path: string): Syntax | undefined {
  const language_ = BY_ID.get(language);
  return language_?.dialects?.[extensionOf(path.toLowerCase())] ?? language_?.syntax;
}

/** The id that a person means by `py`, `C++`, `.tsx`; undefined when nothing fits. */
export function resolveLanguage(name: string): string | undefined {
  const wanted = name.trim().toLowerCase();
  return BY_NAME.get(wanted) ?? BY_EXTENSION.get(wanted.startsWith('.') ? wanted : `.${wanted}`);
}

function extensionOf(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot < path.lastIndexOf('/') + 1 ? '' : path.slice(dot);
}

/** `#!/usr/bin/env -S python3.12 -u` -> python. */
function languageOfShebang(firstLine: string): string | undefined {
  if (!firstLine.startsWith('#!')) return undefined;
  const words = firstLine.slice(2, 200).trim().split(/\s+/);
  const program = words
    .map((word) => word.slice(word.lastIndexOf('/') + 1))
    .find((word) => !/^(env$|-|.*=)/.test(word));
  if (program === undefined) return undefined;
  const name = program.toLowerCase();
  return BY_SHEBANG.get(name) ?? BY_SHEBANG.get(name.replace(/[\d.]+$/, ''));
}

function index(keysOf: (language: LanguageRow) => readonly string[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (const language of LANGUAGES) {
    for (const key of keysOf(language)) if (!ids.has(key)) ids.set(key, language.id);
  }
  return ids;
}

type RowOptions = {
  readonly files?: string;
  readonly shebangs?: string;
  readonly aliases?: string;
  readonly syntax?: Syntax;
  readonly dialects?: Readonly<Record<string, Syntax>>;
};

function row(id: string, extensions: string, options: RowOptions = {}): LanguageRow {
  return {
    id,
    extensions: words(extensions),
    files: words(options.files),
    shebangs: words(options.shebangs),
    aliases: words(options.aliases),
    ...(options.syntax && { syntax: options.syntax }),
    ...(options.dialects && { dialects: options.dialects }),
  };
}

function words(list = ''): readonly string[] {
  return list.split(/\s+/).filter((word) => word !== '');
}
