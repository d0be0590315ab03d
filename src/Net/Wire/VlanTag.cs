using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The tag behind an Ethernet header whose type is <see cref="EtherType.Vlan"/> (IEEE 802.1Q, 9.6).</summary>
/// <param name="VlanId">The VLAN; 0 for none, where the tag only gives the frame a priority.</param>
/// <param name="Type">What the payload is.</param>
internal readonly record struct VlanTag(ushort VlanId, EtherType Type)
{
    /// <summary>The size in bytes, the payload's type included.</summary>
    public const int Length = 4;

    private const ushort VlanIdMask = 0xFFF;

    /// <summary>Reads a tag.</summary>
    /// <returns>Whether there is room for one.</returns>
    public static bool TryParse(ReadOnlySpan<byte> data, out VlanTag tag)
    {
        if (data.Length < Length)
        {
            tag = default;
            return false;
        }

        tag = new VlanTag(
            (ushort)(BinaryPrimitives.ReadUInt16BigEndian(data) & VlanIdMask),
            (EtherType)BinaryPrimitives.ReadUInt16BigEndian(data[sizeof(ushort)..]));
        return true;
    }
}
