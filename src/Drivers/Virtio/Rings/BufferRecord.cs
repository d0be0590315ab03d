namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>What a queue must know of one buffer when the device gives it back.</summary>
/// <remarks>16 bytes, so that no record lies in two cache lines of an array that starts on one.</remarks>
internal struct BufferRecord
{
    /// <summary>What the caller wants back with the buffer.</summary>
    internal int Token;

    /// <summary>How many bytes the device may write.</summary>
    internal uint WritableBytes;

    /// <summary>
    /// How many descriptors of the ring the buffer takes while it is in flight; otherwise one of the values below.
    /// </summary>
    internal ushort Descriptors;

    /// <summary>How many descriptors it has in an indirect table; 0 where it has none.</summary>
    internal ushort TableLength;

    /// <summary>How many buffers were added before it, modulo 65536.</summary>
    internal ushort Sequence;

    /// <summary>The ID that follows in a chain, or among the free ones.</summary>
    internal ushort Next;

    /// <summary>In <see cref="Descriptors"/>: the ID was never that of a buffer.</summary>
    private const ushort NeverAvailable = 0;

    /// <summary>In <see cref="Descriptors"/>: the buffer came back. More than a ring has.</summary>
    private const ushort Returned = ushort.MaxValue;

    /// <summary>Whether the device has the buffer.</summary>
    internal readonly bool IsInFlight => (uint)(Descriptors - NeverAvailable - 1) < Returned - NeverAvailable - 1;

    /// <summary>Whether the device had the buffer and gave it back.</summary>
    internal readonly bool IsReturned => Descriptors == Returned;

    /// <summary>Ends its flight.</summary>
    internal void Return() => Descriptors = Returned;
}
