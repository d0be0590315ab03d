using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>
/// The checksum of IPv4, ICMP, UDP and TCP: the complement of a ones' complement sum of 16-bit words (RFC 1071).
/// </summary>
internal static class InternetChecksum
{
    /// <summary>Adds bytes to a sum that is not folded yet.</summary>
    /// <param name="data">A piece of a message; only the last may have an odd length.</param>
    /// <param name="sum">The sum of the pieces before it.</param>
    public static ulong Sum(ReadOnlySpan<byte> data, ulong sum = 0)
    {
        // 32-bit words add up to the same as their halves once the carries are folded back (RFC 1071, 2).
        while (data.Length >= sizeof(ulong))
        {
            ulong words = BinaryPrimitives.ReadUInt64BigEndian(data);
            sum += (words >> 32) + (uint)words;
            data = data[sizeof(ulong)..];
        }

        if (data.Length >= sizeof(uint))
        {
            sum += BinaryPrimitives.ReadUInt32BigEndian(data);
            data = data[sizeof(uint)..];
        }

        if (data.Length >= sizeof(ushort))
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(data);
            data = data[sizeof(ushort)..];
        }

        return data.Length == 0 ? sum : sum + ((ulong)data[0] << 8);
    }

    /// <summary>Folds a sum to 16 bits and complements it: the value of a checksum field.</summary>
    public static ushort Finish(ulong sum) => (ushort)~Fold(sum);

    /// <summary>Folds a sum to 16 bits: what a device that adds the rest wants in the checksum field.</summary>
    public static ushort Partial(ulong sum) => Fold(sum);

    /// <summary>The checksum of a message whose checksum field is zero.</summary>
    public static ushort Compute(ReadOnlySpan<byte> data) => Finish(Sum(data));

    /// <summary>Whether a message that includes its checksum is intact.</summary>
    /// <param name="data">The message.</param>
    /// <param name="sum">The sum of a pseudo-header, where there is one.</param>
    public static bool IsCorrect(ReadOnlySpan<byte> data, ulong sum = 0) => Fold(Sum(data, sum)) == ushort.MaxValue;

    /// <summary>The checksum after one 16-bit word of the message has changed (RFC 1624, 3, equation 3).</summary>
    public static ushort Update(ushort checksum, ushort oldWord, ushort newWord)
    {
        return Finish((ulong)(ushort)~checksum + (ushort)~oldWord + newWord);
    }

    private static ushort Fold(ulong sum)
    {
        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
