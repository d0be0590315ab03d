using System;
using VirtioGuest.Commands.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A disk in memory, which fails where it is told to.</summary>
internal sealed class FakeSectorDevice : SectorDevice
{
    /// <summary>The failure of a bad sector.</summary>
    public const string Trouble = "the device is in trouble";

    public FakeSectorDevice(int sectors, string name = "disk0")
        : base(name)
    {
        Content = new byte[sectors * SectorSize];
    }

    public byte[] Content { get; }

    /// <summary>Reads that touch this sector fail.</summary>
    public ulong? UnreadableSector { get; set; }

    /// <summary>Writes that touch this sector fail, and write nothing.</summary>
    public ulong? UnwritableSector { get; set; }

    /// <summary>How many writes succeed before they fail.</summary>
    public int WritesLeft { get; set; } = int.MaxValue;

    /// <summary>Whether writes seem to succeed and do nothing.</summary>
    public bool ForgetsWrites { get; set; }

    public bool RefusesFlushes { get; set; }

    public bool RefusesWrites { get; set; }

    public bool IsOutOfUse { get; set; }

    /// <summary>The block size; requests for parts of blocks fail.</summary>
    public uint Block { get; set; } = SectorSize;

    public int Queues { get; set; }

    public bool IsWritethrough { get; set; }

    /// <summary>What it calls itself; null where it cannot be asked.</summary>
    public string? Id { get; set; }

    /// <summary>How worn it is; null where it cannot be asked.</summary>
    public string? Lifetime { get; set; }

    public int Flushes { get; private set; }

    public int Reads { get; private set; }

    public int Writes { get; private set; }

    /// <summary>The longest transfer so far, in bytes.</summary>
    public int LongestTransfer { get; private set; }

    public override ulong SectorCount => (ulong)(Content.Length / SectorSize);

    public override uint BlockSize => Block;

    public override bool IsReadOnly => RefusesWrites;

    public override bool IsUsable => !IsOutOfUse;

    public override int QueueCount => Queues;

    public override bool IsWriteback => !IsWritethrough;

    public override Failure? ReadId(out string id)
    {
        id = Id ?? "";
        return Id is null ? Sentence(Trouble) : null;
    }

    public override Failure? ReadLifetime(out string lifetime)
    {
        lifetime = Lifetime ?? "";
        return Lifetime is null ? Sentence(Trouble) : null;
    }

    public override Failure? Read(ulong firstSector, byte[] destination)
    {
        Reads++;
        Failure? failure = Check(firstSector, destination.Length, UnreadableSector);
        if (failure is null)
        {
            Array.Copy(Content, (int)firstSector * SectorSize, destination, 0, destination.Length);
        }

        return failure;
    }

    public override Failure? Write(ulong firstSector, byte[] source)
    {
        Writes++;
        Failure? failure = RefusesWrites
            ? Sentence("the disk is read-only")
            : Check(firstSector, source.Length, UnwritableSector);
        failure ??= Writes > WritesLeft ? Sentence(Trouble) : null;
        if (failure is null && !ForgetsWrites)
        {
            source.CopyTo(Content, (int)firstSector * SectorSize);
        }

        return failure;
    }

    public override Failure? Flush()
    {
        Flushes++;
        return RefusesFlushes ? Sentence(Trouble) : null;
    }

    private static Failure Sentence(string text) => new(text, isSentence: true);

    private Failure? Check(ulong first, int length, ulong? bad)
    {
        LongestTransfer = Math.Max(LongestTransfer, length);
        if (length == 0 || length % SectorSize != 0)
        {
            throw new ArgumentException("a transfer is one sector or more");
        }

        ulong count = (ulong)(length / SectorSize);
        if (!Contains(first, count))
        {
            return OutOfRange;
        }

        if ((first | count) % (Block / SectorSize) != 0)
        {
            return Sentence($"{Trouble}: not for whole blocks of {Block} bytes");
        }

        return bad >= first && bad < first + count ? Sentence(Trouble) : null;
    }
}
