"""The screens: pages that read the same slice apis as the SDK; never a rule of the domain, never a second truth."""
