using System;
using System.Buffers.Binary;
using System.Numerics;

namespace VirtioGuest.Net.Tcp;

/// <summary>
/// Numbers that nobody else can guess: initial sequence numbers (RFC 6528), ephemeral ports (RFC 6056), and where
/// timestamps start (RFC 7323, 5.4). All are SipHash-2-4 under a key that never leaves.
/// </summary>
internal sealed class TcpSecret
{
    /// <summary>The size of the key in bytes.</summary>
    public const int KeyLength = 16;

    private const int EndpointLength = 18;

    // RFC 6528, 3: the clock of initial sequence numbers ticks every four microseconds.
    private const long TicksPerNumber = 4 * TimeSpan.TicksPerMicrosecond;

    private readonly ulong _first;
    private readonly ulong _second;
    private ulong _drawn;

    /// <param name="key">Sixteen random bytes.</param>
    public TcpSecret(ReadOnlySpan<byte> key)
    {
        _first = BinaryPrimitives.ReadUInt64LittleEndian(key);
        _second = BinaryPrimitives.ReadUInt64LittleEndian(key[sizeof(ulong)..]);
    }

    private enum Purpose : byte
    {
        Sequence,
        Timestamp,
        Draw,
    }

    /// <summary>Where a connection's sequence numbers begin.</summary>
    public uint InitialSequence(in TcpKey key, TimeSpan now) =>
        (uint)Hash(key, Purpose.Sequence) + (uint)(now.Ticks / TicksPerNumber);

    /// <summary>Where a connection's timestamps begin: for the same two ends always at the same place.</summary>
    public uint TimestampStart(in TcpKey key) => (uint)Hash(key, Purpose.Timestamp);

    /// <summary>A number from 0 up to a limit.</summary>
    public int Draw(int limit)
    {
        Span<byte> message = stackalloc byte[sizeof(ulong) + 1];
        BinaryPrimitives.WriteUInt64LittleEndian(message, _drawn++);
        message[^1] = (byte)Purpose.Draw;
        return (int)(SipHash(message, _first, _second) % (uint)limit);
    }

    /// <summary>SipHash-2-4 (Aumasson and Bernstein, 2012).</summary>
    internal static ulong SipHash(ReadOnlySpan<byte> message, ulong first, ulong second)
    {
        ulong v0 = first ^ 0x736F_6D65_7073_6575;
        ulong v1 = second ^ 0x646F_7261_6E64_6F6D;
        ulong v2 = first ^ 0x6C79_6765_6E65_7261;
        ulong v3 = second ^ 0x7465_6462_7974_6573;
        ulong last = (ulong)message.Length << 56;
        while (message.Length >= sizeof(ulong))
        {
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(message);
            v3 ^= word;
            Round(ref v0, ref v1, ref v2, ref v3);
            Round(ref v0, ref v1, ref v2, ref v3);
            v0 ^= word;
            message = message[sizeof(ulong)..];
        }

        for (int i = 0; i < message.Length; i++)
        {
            last |= (ulong)message[i] << (8 * i);
        }

        v3 ^= last;
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= last;
        v2 ^= 0xFF;
        for (int i = 0; i < 4; i++)
        {
            Round(ref v0, ref v1, ref v2, ref v3);
        }

        return v0 ^ v1 ^ v2 ^ v3;
    }

    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v3;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }

    private ulong Hash(in TcpKey key, Purpose purpose)
    {
        Span<byte> message = stackalloc byte[(2 * EndpointLength) + 1];
        key.Local.CopyTo(message);
        key.Remote.CopyTo(message[EndpointLength..]);
        message[^1] = (byte)purpose;
        return SipHash(message, _first, _second);
    }
}
