using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Cosmos.Tests.Hostile;

/// <summary>
/// A disk or card of a Cosmos kernel over a device that breaks the rules, all of it drawn from a seed.
/// </summary>
internal sealed class HostileCase : IDisposable
{
    private const byte Line = 11;
    private const ushort Disk = 2;
    private const ushort Network = 1;

    /// <summary>How many sectors are transferred at most, so that a call is a few requests.</summary>
    private const int MostSectors = 4;

    /// <summary>
    /// How long a call may take, in seconds: a reset, a start, a request and a flush that are all at their deadline.
    /// </summary>
    private const ulong Deadline = 90;

    /// <summary>How many turns of the timer it takes to recover a card or to give it up.</summary>
    private const int Turns = 6;

    private static readonly ulong[] s_ringFeatures =
    [
        FeatureBit.RingPacked, FeatureBit.IndirectDescriptors, FeatureBit.EventIndex, FeatureBit.InOrder,
        FeatureBit.OrderPlatform, FeatureBit.NotificationData, FeatureBit.RingReset, FeatureBit.AccessPlatform,
    ];

    private readonly SeededRandom _random;
    private readonly Pc _pc = new Pc();
    private readonly HostileDevice _device;
    private readonly Steps _steps;
    private readonly byte[] _buffer;

    public HostileCase(int seed)
    {
        _random = new SeededRandom(seed);
        Hostility hostility = DrawHostility();
        bool isDisk = _random.Chance(50);
        _device = new HostileDevice(
            isDisk ? Disk : Network, isDisk ? 1 : 2, 60, _pc.Platform.Pages, _random, hostility);
        _device.OfferedFeatures = DrawFeatures(isDisk);
        FillConfiguration(isDisk, hostility);
        foreach (ModelQueue queue in _device.Queues)
        {
            queue.MaximumSize = (ushort)(1 + _random.Below(24));
            queue.Policy = new RandomCompletion(_random.WideBits(), 1 + _random.Below(4), _random.Chance(50));
        }

        _device.ResetDelay = _random.Below(3);
        var function = new PciDeviceFunction(
            _device,
            new HostileOutput(new LineOutput(_pc.Platform, Line), _random, hostility),
            new PciFunctionOptions { InterruptLine = Line });
        _pc.Add(_device, new HostileFunction(function, _random, hostility));
        _pc.Platform.WaitTicks = ModelPlatform.TicksPerSecond / 20;
        _pc.Platform.WhileWaiting = Work;
        _buffer = _pc.Buffer(MostSectors * 512);
        _steps = _pc.CountSteps();
    }

    /// <summary>Uses the device for a while.</summary>
    /// <returns>Whether there was a disk or a card to use.</returns>
    public bool Run()
    {
        Bounded(() => _pc.Boot());
        DiskAccess? disk = _pc.Inventory.Disks.FirstOrDefault();
        CardAccess? card = _pc.Inventory.Cards.FirstOrDefault();
        for (int operation = 4 + _random.Below(24); operation > 0; operation--)
        {
            _steps.Arm(_random.Below(200), Disturb);
            if (disk is not null)
            {
                Bounded(() => Use(disk));
            }

            if (card is not null)
            {
                Bounded(() => Use(card));
            }

            _steps.Disarm();
            Disturb();
        }

        if (card is not null)
        {
            Settle(card);
        }

        return disk is not null || card is not null;
    }

    public void Dispose()
    {
        _steps.Dispose();
        _pc.Dispose();
    }

    private Hostility DrawHostility()
    {
        Hostility parts = Hostility.None;
        for (int i = 1 + _random.Below(3); i > 0; i--)
        {
            parts |= (Hostility)(1 << _random.Below(9));
        }

        // What a function looks like is the binder's business; most cases get past it.
        return _random.Chance(90) ? parts & ~(Hostility.Capabilities | Hostility.Header) : parts;
    }

    private ulong DrawFeatures(bool isDisk)
    {
        ulong features = FeatureBit.Version1 | (isDisk ? 0x266UL : 0x1_0028);
        foreach (ulong feature in s_ringFeatures)
        {
            features |= _random.Chance(50) ? feature : 0;
        }

        return features;
    }

    private void FillConfiguration(bool isDisk, Hostility hostility)
    {
        Span<byte> fields = _device.Fields;
        fields.Clear();
        if (isDisk)
        {
            fields[0] = 64;
            BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], 4096);
            fields[12] = 6;
            BinaryPrimitives.WriteUInt32LittleEndian(fields[20..], 512);
        }
        else
        {
            BinaryPrimitives.WriteUInt64LittleEndian(fields, 0x1_5634_1200_5452);
            BinaryPrimitives.WriteUInt16LittleEndian(fields[10..], 1500);
        }

        if ((hostility & Hostility.Configuration) != 0 && _random.Chance(30))
        {
            _random.Fill(fields);
        }
    }

    /// <summary>Something that happens while nobody looks, between two calls or in the middle of one.</summary>
    private void Disturb()
    {
        switch (_random.Below(10))
        {
            case < 4:
                _device.ForgeRings();
                break;
            case < 7:
                Work();
                break;
            case 7:
                _pc.Platform.InterruptForNothing(Line);
                break;
            case 8:
                _device.ChangeConfiguration(() => _random.Fill(_device.Fields));
                break;
            default:
                _device.SetNeedsReset("it pleases");
                break;
        }
    }

    private void Work() => _pc.Work(() => _device.Run(1 + _random.Below(8)));

    private void Use(DiskAccess disk)
    {
        ulong first = (ulong)_random.Below(70);
        ulong count = (ulong)_random.Below(MostSectors + 1);
        try
        {
            switch (_random.Below(5))
            {
                case 0:
                    Failure(disk.TryRead(first, count, _buffer));
                    break;
                case 1:
                    Failure(disk.TryWrite(first, count, _buffer));
                    break;
                case 2:
                    Failure(disk.TryFlush());
                    break;
                case 3:
                    disk.Read(first, MostSectors, _buffer);
                    break;
                default:
                    disk.Write(first, MostSectors, _buffer);
                    break;
            }
        }
        catch (IOException exception)
        {
            Assert.That(exception.Message, Is.Not.Empty);
        }
    }

    private static void Failure(Failure? failure) => Assert.That(failure?.ToString(), Is.Null.Or.Not.Empty);

    private void Use(CardAccess card)
    {
        switch (_random.Below(6))
        {
            case 0:
                card.Poll();
                break;
            case 1:
                _pc.Machine.Lines.Poll();
                card.Attend();
                break;
            case 2:
                card.TakeFrame();
                break;
            case 3:
                card.Enable();
                break;
            default:
                _ = card.IsSendFull;
                card.Send(_buffer, 0, 60 + _random.Below(1400));
                break;
        }
    }

    /// <summary>A card in trouble is brought up again, or named as given up, within some turns of the timer.</summary>
    private void Settle(CardAccess card)
    {
        for (int turn = 0; turn < Turns && !card.IsReady; turn++)
        {
            Bounded(() =>
            {
                _pc.Machine.Lines.Poll();
                card.Attend();
            });
        }

        Assert.That(
            card.IsReady || _pc.Platform.Lines.Any(line => line.Contains("net0: given up: ", StringComparison.Ordinal)),
            Is.True,
            string.Join('\n', _pc.Platform.Lines));
    }

    private void Bounded(Action call)
    {
        ulong before = _pc.Platform.Now;
        call();
        Assert.That((_pc.Platform.Now - before) / ModelPlatform.TicksPerSecond, Is.LessThan(Deadline));
    }
}
