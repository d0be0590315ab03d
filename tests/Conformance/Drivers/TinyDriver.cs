using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>
/// A driver in named steps that does everything right, over a machine of its own. A wrong one is the same with a step
/// left out, replaced, or another step before or after it.
/// </summary>
internal sealed class TinyDriver : IDisposable
{
    private readonly List<(string Name, Action Do)> _steps = [];
    private int _requests;

    public TinyDriver(TinySetup setup)
    {
        Setup = setup;
        Machine = new TinyMachine("tiny", setup);
        QueueCount = setup.DeviceType != 1 ? 1
            : (setup.Offered & NetFeature.ManyQueues) != 0 ? 5
            : (setup.Offered & NetFeature.ControlQueue) != 0 ? 3
            : 2;
        if (setup.IsMmio)
        {
            _steps.Add(("identify", Identify));
        }
        else
        {
            _steps.Add(("command", () => Machine.WritePci(4, 2, 6)));
        }

        _steps.AddRange(
        [
            ("reset", () => Status = 0),
            ("wait", WaitForReset),
            ("acknowledge", () => Status = 1),
            ("driver", () => Status = 3),
            ("offer", ReadOffer),
            ("accept", Accept),
            ("agree", () => Status = 0xB),
            ("confirm", Confirm),
            ("configuration", ReadConfiguration),
            ("vector", SetConfigurationVector),
            ("queues", SetUpQueues),
            ("live", () => Status = 0xF),
            ("work", Work),
        ]);
    }

    public TinySetup Setup { get; }

    public TinyMachine Machine { get; }

    public VirtioDeviceModel Model => Machine.Model;

    /// <summary>What it accepts of what is offered.</summary>
    public Func<ulong, ulong> Choose { get; set; } =
        offered => offered & (FeatureBit.All | (0x1FFFUL << 51) | 0xFFFFFF);

    public ulong Offered { get; private set; }

    public ulong Accepted { get; private set; }

    public List<TinyRing> Rings { get; } = [];

    public TinyRing Ring => Rings[0];

    /// <summary>Which queues it sets up.</summary>
    public int QueueCount { get; set; }

    /// <summary>The vector of every queue.</summary>
    public uint QueueVector { get; set; } = 0xFFFF;

    /// <summary>What is done to a queue before it is enabled.</summary>
    public Action<TinyRing> BeforeEnable { get; set; } = _ => { };

    /// <summary>How large queues are made.</summary>
    public Func<uint, uint> ChooseSize { get; set; } = most => most;

    /// <summary>Whether the device is told of the buffers that it asks to be told of.</summary>
    public Func<bool, bool> Decide { get; set; } = isDue => isDue;

    public uint Status
    {
        get => Setup.IsMmio ? Machine.Read(0x70, 4) : Machine.Read(0x14, 1);
        set => Machine.Write(Setup.IsMmio ? 0x70u : 0x14, Setup.IsMmio ? 4 : 1, value);
    }

    public ulong Buffer => TinyMachine.Memory + 0x80000;

    public void Omit(string step) => Replace(step, () => { });

    public void Replace(string step, Action action)
    {
        int at = IndexOf(step);
        _steps[at] = (step, action);
    }

    public void Before(string step, Action action) => _steps.Insert(IndexOf(step), ($"before {step}", action));

    public void After(string step, Action action) => _steps.Insert(IndexOf(step) + 1, ($"after {step}", action));

    /// <summary>Does all steps, and says which requirements were broken.</summary>
    public string[] Run()
    {
        try
        {
            foreach ((_, Action action) in _steps)
            {
                action();
            }
        }
        catch (RefusedException)
        {
            // The device does not work with these features, and a driver stops there.
        }

        Machine.Watch.Rest();
        return [.. Verdicts().Where(each => each.Outcome == Outcome.Fail).Select(each => each.Requirement.Id)];
    }

    public IReadOnlyList<Verdict> Verdicts() => Machine.Judge.Conclude();

    /// <summary>Puts bytes into memory and says where.</summary>
    public ulong Put(int place, params byte[] bytes)
    {
        ulong at = Buffer + (0x400 * (ulong)place);
        bytes.CopyTo(Machine.At(at, bytes.Length));
        return at;
    }

    /// <summary>Makes a buffer available and notifies where that is due.</summary>
    public void Submit(TinyRing ring, params Piece[] pieces)
    {
        ring.Add(pieces);
        NotifyIfDue(ring);
    }

    public void NotifyIfDue(TinyRing ring)
    {
        if (Decide(ring.IsNotificationDue))
        {
            Notify(ring);
        }

        ring.TakeUsed();
    }

    public void Notify(TinyRing ring) => Notify(ring, NotificationOf(ring));

    public void Notify(TinyRing ring, uint value)
    {
        bool hasData = (Accepted & FeatureBit.NotificationData) != 0;
        if (Setup.IsMmio)
        {
            Machine.Write(0x50, 4, value);
        }
        else
        {
            uint place = TinyMachine.Notify + ((uint)ring.Index * Setup.NotifyMultiplier);
            Machine.Write(place, hasData ? 4 : 2, value);
        }
    }

    public uint NotificationOf(TinyRing ring)
    {
        bool isNamed = (Accepted & FeatureBit.NotificationConfigurationData) != 0;
        uint name = isNamed ? Model.Queues[ring.Index].NotificationConfigurationData : (uint)ring.Index;
        return (Accepted & FeatureBit.NotificationData) != 0 ? name | (ring.Position << 16) : name;
    }

    /// <summary>A request of a disk, with its data in one element.</summary>
    public void Request(uint type, ulong sector, byte[] sent, uint received = 0)
    {
        byte[] header = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), sector);
        int place = 16 * (_requests++ % 8);
        List<Piece> pieces = [new Piece(Put(place, header), 16, false)];
        if (sent.Length != 0)
        {
            pieces.Add(new Piece(Put(place + 1, sent), (uint)sent.Length, false));
        }

        if (received != 0)
        {
            pieces.Add(new Piece(Put(place + 4), received, true));
        }

        pieces.Add(new Piece(Put(place + 3), 1, true));
        Submit(Ring, [.. pieces]);
    }

    /// <summary>A frame to send, with the header that a test wants.</summary>
    public void Send(TinyRing ring, NetPacketHeader header = default, int length = 60)
    {
        bool hasHash = (Accepted & NetFeature.HashReport) != 0;
        byte[] bytes = new byte[(hasHash ? 20 : 12) + length];
        header.Write(bytes, hasHash);
        Submit(ring, new Piece(Put(8, bytes), (uint)bytes.Length, false));
    }

    /// <summary>A buffer to receive into, and a frame that comes into it.</summary>
    public void Receive(uint length)
    {
        Submit(Rings[0], new Piece(Put(30), length, true));
        ((NetDevice)Model).Receive(new byte[60]);
        Model.Run();
    }

    /// <summary>A command for a network device.</summary>
    public void Command(byte kind, byte number, params byte[] data) => Submit(
        Rings[^1],
        new Piece(Put(20, [kind, number, .. data]), 2 + (uint)data.Length, false),
        new Piece(Put(22), 1, true));

    public void Dispose() => Machine.Dispose();

    private int IndexOf(string step)
    {
        int at = _steps.FindIndex(each => each.Name == step);
        return at >= 0 ? at : throw new ArgumentException($"There is no step {step}.", nameof(step));
    }

    private void Identify()
    {
        Machine.Read(0x000, 4);
        Machine.Read(0x004, 4);
        Machine.Read(0x008, 4);
    }

    private void WaitForReset()
    {
        while (Status != 0)
        {
        }
    }

    public void ReadOffer()
    {
        Offered = 0;
        for (uint word = 0; word < 2; word++)
        {
            Machine.Write(Setup.IsMmio ? 0x14u : 0x00, 4, word);
            Offered |= (ulong)Machine.Read(Setup.IsMmio ? 0x10u : 0x04, 4) << (int)(32 * word);
        }
    }

    private void Accept() => WriteFeatures(Choose(Offered));

    public void WriteFeatures(ulong features)
    {
        Accepted = features;
        for (uint word = 0; word < 2; word++)
        {
            Machine.Write(Setup.IsMmio ? 0x24u : 0x08, 4, word);
            Machine.Write(Setup.IsMmio ? 0x20u : 0x0C, 4, (uint)(features >> (int)(32 * word)));
        }
    }

    private void Confirm()
    {
        if ((Status & 8) == 0)
        {
            Status = 0x83;
            throw new RefusedException();
        }
    }

    public uint ReadField(uint offset, int width) =>
        Machine.Read((Setup.IsMmio ? 0x100 : TinyMachine.Configuration) + offset, width);

    public uint ReadGeneration() => Setup.IsMmio ? Machine.Read(0xFC, 4) : Machine.Read(0x15, 1);

    private void ReadConfiguration()
    {
        if (Setup.DeviceType == 2)
        {
            uint before;
            do
            {
                before = ReadGeneration();
                ReadField(0, 4);
                ReadField(4, 4);
            }
            while (ReadGeneration() != before);
            foreach ((ulong feature, uint at) in new (ulong, uint)[]
            {
                (BlockFeature.SizeMaximum, 8), (BlockFeature.SegmentMaximum, 12), (BlockFeature.Discard, 36),
                (BlockFeature.Discard, 40), (BlockFeature.WriteZeroes, 48), (BlockFeature.WriteZeroes, 52),
                (BlockFeature.SecureErase, 60), (BlockFeature.SecureErase, 64),
            })
            {
                if ((Accepted & feature) != 0)
                {
                    ReadField(at, 4);
                }
            }
        }
        else if (Setup.DeviceType == 1)
        {
            if ((Accepted & NetFeature.ManyQueues) != 0)
            {
                ReadField(8, 2);
            }

            if ((Accepted & NetFeature.Mtu) != 0)
            {
                ReadField(10, 2);
            }
        }
    }

    private void SetConfigurationVector()
    {
        if (!Setup.IsMmio)
        {
            Machine.Write(0x10, 2, 0);
            Machine.Read(0x10, 2);
        }
    }

    private void SetUpQueues()
    {
        for (int i = 0; i < QueueCount; i++)
        {
            SetUpQueue(i);
        }
    }

    public void SetUpQueue(int index, bool hasAddresses = true)
    {
        bool isMmio = Setup.IsMmio;
        Machine.Write(isMmio ? 0x30u : 0x16, isMmio ? 4 : 2, (uint)index);
        uint size = ChooseSize(isMmio ? Machine.Read(0x34, 4) : Machine.Read(0x18, 2));
        Machine.Write(isMmio ? 0x38u : 0x18, isMmio ? 4 : 2, size);
        Machine.At(TinyMachine.Memory + (0x10000 * (ulong)index), 0x8000).Clear();
        TinyRing ring = TinyRing.Create(Machine, index, (int)Math.Clamp(size, 1, 256), Accepted);
        Rings.RemoveAll(each => each.Index == index);
        Rings.Insert(Math.Min(index, Rings.Count), ring);
        if (!isMmio)
        {
            Machine.Read(0x1E, 2);
            if ((Accepted & FeatureBit.NotificationConfigurationData) != 0)
            {
                Machine.Read(0x38, 2);
            }

            Machine.Write(0x1A, 2, QueueVector);
            Machine.Read(0x1A, 2);
        }

        if (hasAddresses)
        {
            WriteAddresses(ring.Descriptors, ring.DriverArea, ring.DeviceArea);
        }

        BeforeEnable(ring);
        Machine.Write(isMmio ? 0x44u : 0x1C, isMmio ? 4 : 2, 1);
    }

    public void WriteAddresses(params ulong[] addresses)
    {
        for (uint i = 0; i < 3; i++)
        {
            uint at = Setup.IsMmio ? 0x80 + (0x10 * i) : 0x20 + (8 * i);
            Machine.Write(at, 4, (uint)addresses[i]);
            Machine.Write(at + 4, 4, (uint)(addresses[i] >> 32));
        }
    }

    private void Work()
    {
        switch (Setup.DeviceType)
        {
            case 1:
                Receive((Accepted & NetFeature.GuestTso4) != 0 ? 65601u : 1534);
                Send(Rings[1]);
                break;
            case 2:
                if ((Offered & BlockFeature.ReadOnly) == 0)
                {
                    Request(1, 3, new byte[512]);
                }

                Request(0, 3, [], 512);
                Request(8, 0, [], 20);
                break;
            default:
                Submit(Ring, new Piece(Put(0), 16, true));
                break;
        }
    }
}

/// <summary>The device refused the features, and the driver stopped.</summary>
internal sealed class RefusedException : Exception;
