using System.Collections.Generic;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>Something that answers register accesses, notes the writes and what no driver may do.</summary>
internal abstract class RegisterBlock
{
    /// <summary>Every write that matters, by the register's name.</summary>
    public List<string> Writes { get; } = new List<string>();

    /// <summary>What the specification forbids and the driver did.</summary>
    public List<string> Violations { get; } = new List<string>();

    public abstract uint Read(ulong offset, int width);

    public abstract void Write(ulong offset, int width, uint value);
}
