using System;

namespace VirtioGuest.Commands.Data;

/// <summary>
/// What <c>blk D churn</c> does to a range of a disk, one operation after the other: all of it follows from a seed, so
/// that whoever knows the seed knows what has to be on the disk afterwards.
/// </summary>
/// <remarks>
/// Sizes and places are whole blocks; small sizes are frequent, and the largest are more than a request takes. Each
/// write has content of its own: <see cref="SectorPattern"/> with the seed of <see cref="ContentSeed"/>.
/// </remarks>
public sealed class ChurnSequence
{
    /// <summary>The most sectors of an operation, where a block is not larger.</summary>
    public const uint MostSectors = 512;

    private const ulong DrawsPerOperation = 8;
    private const ulong KindDraw = 0;
    private const ulong PlaceDraw = 1;
    private const ulong SizeDraw = 2;
    private const ulong ContentDraw = 3;
    private const uint KindShares = 32;
    private const uint Magnitudes = 10;

    private readonly ulong _origin;
    private readonly ulong _firstSector;
    private readonly ulong _blocks;
    private readonly uint _sectorsPerBlock;
    private readonly uint _mostBlocks;
    private readonly bool _hasDiscard;
    private readonly bool _hasWriteZeroes;

    /// <summary>Chooses a sequence.</summary>
    /// <param name="firstSector">The first sector of the range.</param>
    /// <param name="sectorCount">How many it has: at least one block, whole blocks.</param>
    /// <param name="seed">Selects the sequence.</param>
    /// <param name="blockSize">Bytes in a block of the disk: a multiple of 512.</param>
    /// <param name="hasDiscard">Whether the disk has discards; else they are writes.</param>
    /// <param name="hasWriteZeroes">Whether it has writes of zeroes; else they are writes of data.</param>
    public ChurnSequence(
        ulong firstSector, ulong sectorCount, ulong seed, uint blockSize, bool hasDiscard, bool hasWriteZeroes)
    {
        _origin = SplitMix64.Mix(seed);
        _firstSector = firstSector;
        _sectorsPerBlock = blockSize / SectorPattern.SectorSize;
        _blocks = sectorCount / _sectorsPerBlock;
        _mostBlocks = (uint)Math.Min(_blocks, Math.Max(MostSectors / _sectorsPerBlock, 1));
        _hasDiscard = hasDiscard;
        _hasWriteZeroes = hasWriteZeroes;
    }

    /// <summary>What an operation is.</summary>
    /// <param name="number">Its number, from 0.</param>
    public ChurnOperation Operation(ulong number)
    {
        ChurnKind kind = Kind((uint)(Draw(number, KindDraw) % KindShares));
        if (kind == ChurnKind.Flush)
        {
            return new ChurnOperation(kind, 0, 0);
        }

        ulong size = Draw(number, SizeDraw);
        uint magnitude = Math.Min((uint)size % Magnitudes, (uint)(size >> 16) % Magnitudes);
        uint blocks = 1 + ((uint)(size >> 32) % Math.Min(1u << (int)magnitude, _mostBlocks));
        ulong place = Draw(number, PlaceDraw) % (_blocks - blocks + 1);
        return new ChurnOperation(kind, _firstSector + (place * _sectorsPerBlock), blocks * _sectorsPerBlock);
    }

    /// <summary>The seed of the pattern that a write writes.</summary>
    /// <param name="number">The number of the operation.</param>
    public ulong ContentSeed(ulong number) => Draw(number, ContentDraw);

    private ChurnKind Kind(uint share) => share switch
    {
        < 16 => ChurnKind.Write,
        < 23 => ChurnKind.Read,
        < 26 => _hasDiscard ? ChurnKind.Discard : ChurnKind.Write,
        < 30 => _hasWriteZeroes ? ChurnKind.WriteZeroes : ChurnKind.Write,
        _ => ChurnKind.Flush,
    };

    private ulong Draw(ulong number, ulong which) =>
        SplitMix64.Mix(unchecked(_origin + (number * DrawsPerOperation) + which));
}

/// <summary>One operation of a churn.</summary>
public readonly struct ChurnOperation
{
    /// <param name="kind">What it does.</param>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="count">How many.</param>
    public ChurnOperation(ChurnKind kind, ulong firstSector, uint count)
    {
        Kind = kind;
        FirstSector = firstSector;
        Count = count;
    }

    /// <summary>What it does.</summary>
    public ChurnKind Kind { get; }

    /// <summary>The first sector; 0 of a flush.</summary>
    public ulong FirstSector { get; }

    /// <summary>How many sectors; 0 of a flush.</summary>
    public uint Count { get; }

    /// <summary>
    /// Whether one of the two has to wait for the other, so that what the disk holds afterwards follows from their
    /// order. Of two flushes one waits, too: then the first that is told of is the first that the device got.
    /// </summary>
    public bool ConflictsWith(in ChurnOperation other)
    {
        if (Kind == other.Kind && Kind is ChurnKind.Read or ChurnKind.Flush)
        {
            return Kind == ChurnKind.Flush;
        }

        return FirstSector < other.FirstSector + other.Count && other.FirstSector < FirstSector + Count;
    }
}

/// <summary>What an operation of a churn does.</summary>
public enum ChurnKind
{
    /// <summary>Writes content of its own.</summary>
    Write,

    /// <summary>Reads, and compares with what must be there.</summary>
    Read,

    /// <summary>Gives sectors up.</summary>
    Discard,

    /// <summary>Makes sectors read as zeroes.</summary>
    WriteZeroes,

    /// <summary>Makes durable what was completed before.</summary>
    Flush,
}
