//! The messages between master, agents and frameworks: schema, framing, verified decode, sans-IO connection
