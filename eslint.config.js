import tseslint from 'typescript-eslint'

export default tseslint.config(
  // names.d.ts makes names global: tests/unit/docs.test.ts compiles it with snippets, and the house must not see it.
  { ignores: ['dist', 'demo/dist', 'out', 'coverage', 'test-results', '**/.venv', 'docs/guide/names.d.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      // Numbers are what this library's messages are made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // `for (let i …)` over typed arrays is how numeric code reads best.
      '@typescript-eslint/prefer-for-of': 'off',
    },
  },
  { files: ['src/cli/**', 'tests/**', 'demo/**'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.recommended],
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
)
