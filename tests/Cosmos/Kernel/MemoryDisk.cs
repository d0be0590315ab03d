using System;
using VirtioGuest.Commands.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>A disk in memory, which fails where it is told to.</summary>
internal sealed class MemoryDisk() : SectorDevice("disk0")
{
    public byte[] Content { get; } = new byte[64 * SectorSize];

    public ulong? UnreadableSector { get; set; }

    public int WritesLeft { get; set; } = int.MaxValue;

    public override ulong SectorCount => 64;

    public override bool IsReadOnly => false;

    public override bool IsUsable => true;

    public override Failure? Read(ulong firstSector, byte[] destination)
    {
        ulong count = (ulong)destination.Length / SectorSize;
        if (UnreadableSector >= firstSector && UnreadableSector < firstSector + count)
        {
            return new Failure("unreadable");
        }

        Array.Copy(Content, (int)firstSector * SectorSize, destination, 0, destination.Length);
        return null;
    }

    public override Failure? Write(ulong firstSector, byte[] source)
    {
        if (WritesLeft-- <= 0)
        {
            return new Failure("unwritable");
        }

        source.CopyTo(Content, (int)firstSector * SectorSize);
        return null;
    }

    public override Failure? Flush() => null;
}
