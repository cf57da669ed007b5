"""The lake's decisions: column types, how a source is written, which version a ref means. No input or output."""
