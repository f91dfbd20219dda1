"""The suites that come with the package: versioned TOML files beside this one."""
