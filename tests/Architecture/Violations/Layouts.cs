using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Structures with buffers in them.</summary>
public static unsafe class Layouts
{
    [Breaks(typeof(TwoFixedBuffers))]
    public struct Two
    {
        public fixed byte One[4];
        public fixed ushort Other[2];
    }

    public struct Single
    {
        public ulong Address;
        public fixed byte Bytes[4];
    }
}
