using System;
using System.Buffers.Binary;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.FirmwareConfiguration;

/// <summary>
/// QEMU's firmware configuration device (<c>fw_cfg</c>) through its two I/O ports: a 16-bit selector at 0x510 and a
/// data byte at 0x511, where each read gives the next byte.
/// </summary>
/// <remarks>
/// Where there is no such device, the signature does not match and nothing is found. Sizes that the device reports are
/// bounded before anything is allocated.
/// </remarks>
public sealed class FirmwareConfigurationDevice
{
    private const ushort SelectorPort = 0x510;
    private const ushort DataPort = 0x511;
    private const ushort SignatureItem = 0x0000;
    private const ushort DirectoryItem = 0x0019;
    private const uint MaximumFiles = 1024;
    private const int EntryLength = 64;
    private const int NameOffset = 8;

    private readonly PortSpace _ports;

    private FirmwareConfigurationDevice(PortSpace ports)
    {
        _ports = ports;
    }

    /// <summary>Looks for the device.</summary>
    /// <returns>The device, or null where there is none.</returns>
    public static FirmwareConfigurationDevice? Find(PortSpace ports)
    {
        var device = new FirmwareConfigurationDevice(ports);
        Span<byte> signature = stackalloc byte[4];
        device.Select(SignatureItem);
        device.ReadBytes(signature);
        return IsName(signature, "QEMU") ? device : null;
    }

    /// <summary>Reads a file.</summary>
    /// <param name="name">Its name in the directory, at most 55 characters of ASCII.</param>
    /// <param name="maximumLength">The longest file that is accepted, in bytes.</param>
    /// <param name="content">Its content; empty unless the result is <see cref="FirmwareFileStatus.Found"/>.</param>
    public FirmwareFileStatus TryReadFile(string name, int maximumLength, out byte[] content)
    {
        content = Array.Empty<byte>();
        Span<byte> entry = stackalloc byte[EntryLength];
        if (!TryFindEntry(name, entry))
        {
            return FirmwareFileStatus.Missing;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(entry);
        if (length > (uint)maximumLength)
        {
            return FirmwareFileStatus.TooLong;
        }

        content = new byte[length];
        Select(BinaryPrimitives.ReadUInt16BigEndian(entry[4..]));
        ReadBytes(content);
        return FirmwareFileStatus.Found;
    }

    /// <summary>Reads the directory up to the entry of a file.</summary>
    private bool TryFindEntry(string name, Span<byte> entry)
    {
        Select(DirectoryItem);
        ReadBytes(entry[..4]);
        uint count = Math.Min(BinaryPrimitives.ReadUInt32BigEndian(entry), MaximumFiles);
        for (uint index = 0; index < count; index++)
        {
            ReadBytes(entry);
            if (IsName(entry[NameOffset..], name))
            {
                return true;
            }
        }

        return false;
    }

    // A name that does not fill its field ends with a zero.
    private static bool IsName(ReadOnlySpan<byte> field, string name)
    {
        if (name.Length > field.Length || (name.Length < field.Length && field[name.Length] != 0))
        {
            return false;
        }

        for (int index = 0; index < name.Length; index++)
        {
            if (field[index] != name[index])
            {
                return false;
            }
        }

        return true;
    }

    private void Select(ushort item) => _ports.Write16(SelectorPort, item);

    private void ReadBytes(Span<byte> destination)
    {
        for (int index = 0; index < destination.Length; index++)
        {
            destination[index] = _ports.Read8(DataPort);
        }
    }
}

/// <summary>What became of the search for a file.</summary>
public enum FirmwareFileStatus
{
    /// <summary>It was read.</summary>
    Found,

    /// <summary>The directory does not name it.</summary>
    Missing,

    /// <summary>It is longer than the caller accepts.</summary>
    TooLong,
}
