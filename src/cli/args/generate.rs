//! Arguments of `hms gen`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Write out what other programs need, such as the dissector for Wireshark
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hms gen dissector > ~/.local/lib/wireshark/plugins/hms.lua
  hms gen dissector hms.lua --profile ~/.config/wireshark/profiles/HMS
  tshark -X lua_script:hms.lua -r hms.pcap")]
pub(in crate::cli) struct Gen {
    #[command(subcommand)]
    pub(in crate::cli) what: GenWhat,
}

/// What is written.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GenWhat {
    /// The dissector for Wireshark and tshark 4.0 or later, one file in Lua
    Dissector {
        /// Where to [default: stdout]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Write the profile (colours, columns, buttons) into this directory as well: `wireshark -C HMS`
        #[arg(long, value_name = "DIR")]
        profile: Option<PathBuf>,
    },
}
