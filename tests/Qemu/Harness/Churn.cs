using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Commands.Data;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// What <c>blk D churn</c> is told to do, and what has to be on the disk afterwards. Which operations there are, guest
/// and host take from the same code; what they leave behind is worked out here, and the content by other code.
/// </summary>
/// <param name="Seed">Selects the sequence.</param>
/// <param name="Operations">How many.</param>
public sealed record Churn(ulong Seed, ulong Operations)
{
    private const long Before = -1;
    private const long Zeroes = -2;
    private const long Filled = -3;
    private const int SectorSize = DiskImage.SectorSize;

    /// <summary>The first sector of the range.</summary>
    public ulong First { get; init; }

    /// <summary>How many sectors it has.</summary>
    public ulong Count { get; init; } = 8192;

    /// <summary>Bytes in a block of the disk.</summary>
    public uint BlockSize { get; init; } = SectorSize;

    /// <summary>Whether the disk offers discards.</summary>
    public bool HasDiscard { get; init; } = true;

    /// <summary>
    /// What a sector is filled with that was given up, by a disk that does so; else it holds what it held, or zeroes.
    /// </summary>
    public byte? DiscardFill { get; init; }

    /// <summary>Whether the disk offers writes of zeroes.</summary>
    public bool HasWriteZeroes { get; init; } = true;

    /// <summary>How many operations are in flight at most; the command's own choice where null.</summary>
    public int? Depth { get; init; }

    /// <summary>Whether the guest resets the device and its queues in the middle.</summary>
    public bool Resets { get; init; }

    /// <summary>A line that says that all went well.</summary>
    public string Success => $"churned {Operations} operations, verified";

    /// <summary>The operations.</summary>
    public ChurnSequence Sequence => new(First, Count, Seed, BlockSize, HasDiscard, HasWriteZeroes);

    /// <summary>The command for the shell.</summary>
    /// <param name="disk">The number of the disk.</param>
    public string Command(int disk = 0) =>
        $"blk {disk} churn {First} {Count} {Seed} {Operations} {Depth}".TrimEnd() + (Resets ? " reset" : "");

    /// <summary>Ends it by a key, and waits for the next prompt.</summary>
    /// <returns>The same churn with as many operations as there were.</returns>
    public Churn Interrupt(QemuGuest guest)
    {
        guest.Type("\u0003");
        Match ended = guest.WaitForLine(@"^churned (\d+) operations\nerror: interrupted$");
        guest.WaitForText("^vg> ");
        return this with { Operations = ulong.Parse(ended.Groups[1].Value, CultureInfo.InvariantCulture) };
    }

    /// <summary>A seed that nobody has had yet; it is printed.</summary>
    public static ulong NewSeed()
    {
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Out.WriteLine($"seed {seed}");
        return seed;
    }

    /// <summary>What the guest said of each flush: all operations below were done before it.</summary>
    public static IReadOnlyList<ulong> Durable(string output) =>
    [
        .. Regex.Matches(output, @"(?m)^durable: (\d+)$")
            .Select(match => ulong.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)),
    ];

    /// <summary>Finds a sector that holds something which it cannot hold.</summary>
    /// <param name="before">The disk before the churn.</param>
    /// <param name="after">The disk afterwards.</param>
    /// <param name="done">All operations below have to be in it; those from it on may be, each of them.</param>
    /// <param name="start">The number of the first sector of both, which need not be the whole disk.</param>
    /// <returns>What is wrong, in words; null where nothing is.</returns>
    public string? FindLoss(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, ulong done, ulong start = 0)
    {
        ChurnSequence sequence = Sequence;
        List<long>[] holds =
            [.. Enumerable.Range(0, before.Length / SectorSize).Select(_ => new List<long> { Before })];
        for (ulong number = 0; number < Operations; number++)
        {
            ChurnOperation operation = sequence.Operation(number);
            for (ulong sector = operation.FirstSector; sector < operation.FirstSector + operation.Count; sector++)
            {
                if (sector < start || sector - start >= (ulong)holds.Length)
                {
                    continue;
                }

                List<long> held = holds[sector - start];
                bool isFilled = operation.Kind == ChurnKind.Discard && DiscardFill is not null;
                if ((operation.Kind is ChurnKind.Write or ChurnKind.WriteZeroes || isFilled) && number < done)
                {
                    held.Clear();
                }

                // A disk that was told to give a sector up may keep it as well.
                if (operation.Kind != ChurnKind.Read)
                {
                    held.Add(operation.Kind == ChurnKind.Write ? (long)number
                        : isFilled ? Filled
                        : Zeroes);
                }
            }
        }

        for (int index = 0; index < holds.Length; index++)
        {
            ulong sector = start + (ulong)index;
            ReadOnlySpan<byte> old = before.Slice(index * SectorSize, SectorSize);
            ReadOnlySpan<byte> found = after.Slice(index * SectorSize, SectorSize);
            if (!holds[index].Exists(Holds(sequence, sector, old, found)))
            {
                return $"Sector {sector} holds {Describe(sequence, sector, old, found)} where only "
                    + $"{string.Join(", ", holds[index].Select(Name))} can be; {done} operations were done.";
            }
        }

        return null;
    }

    private Predicate<long> Holds(
        ChurnSequence sequence, ulong sector, ReadOnlySpan<byte> old, ReadOnlySpan<byte> found)
    {
        byte[] content = found.ToArray();
        bool isOld = found.SequenceEqual(old);
        bool isZero = !found.ContainsAnyExcept((byte)0);
        ulong word = BinaryPrimitives.ReadUInt64LittleEndian(found);
        return held => held switch
        {
            Before => isOld,
            Zeroes => isZero,
            Filled => !content.AsSpan().ContainsAnyExcept(DiscardFill ?? 0),
            _ => IsFirstWord(word, sector, sequence.ContentSeed((ulong)held))
                && SectorPattern.Make(sector, 1, sequence.ContentSeed((ulong)held)).AsSpan()
                    .SequenceEqual(content),
        };
    }

    private static bool IsFirstWord(ulong word, ulong sector, ulong seed) =>
        word == SectorPattern.SplitMix64(unchecked(seed + (sector * (SectorSize / sizeof(ulong)))));

    private static string Name(long held) => held switch
    {
        Before => "what was there before",
        Zeroes => "zeroes",
        Filled => "what the disk puts where a sector was given up",
        _ => $"what operation {held} wrote",
    };

    private string Describe(ChurnSequence sequence, ulong sector, ReadOnlySpan<byte> old, ReadOnlySpan<byte> found)
    {
        Predicate<long> holds = Holds(sequence, sector, old, found);
        for (long held = Filled; held < (long)Operations; held++)
        {
            if (holds(held))
            {
                return Name(held);
            }
        }

        return "something else";
    }
}
