using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Tests.Models;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Tests;

/// <summary>
/// Devices that hold their line until they are served, and devices that pulse it, on lines that are set to level and to
/// edge, through both kinds of controller: no event is left behind, in whatever order things happen. Only where a pulse
/// leaves no trace in the controller does it take the holders' time-out.
/// </summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class LineRaceTests
{
    private const uint Line = 11;
    private const int Events = 12;
    private const int Seeds = 500;

    private void* _store;
    private Thread* _threads;
    private InterruptTable _table;
    private InterruptLines _lines;
    private LocalApic _apic;
    private InterruptDescription _description;
    private PicModel _pic = null!;
    private IoApicModel _ioApic = null!;
    private bool _hasPic;
    private Device[] _devices = [];
    private int _eventsLeft;
    private Random _random = null!;

    [SetUp]
    public void SetUp()
    {
        _store = NativeMemory.AllocZeroed((nuint)InterruptTable.StoreBytes);
        _threads = (Thread*)NativeMemory.AllocZeroed(3, (nuint)sizeof(Thread));
    }

    [TearDown]
    public void TearDown()
    {
        NativeMemory.Free(_store);
        NativeMemory.Free(_threads);
        Processor.Ports = new FakePorts();
        DeviceRegisters.Clear();
    }

    [Test]
    public void No_event_is_left_behind(
        [Values] bool hasPic, [Values] bool isLevelLine, [Values] bool isPulsing, [Values(1, 2, 3)] int devices)
    {
        bool isLossy = hasPic && isLevelLine && isPulsing;
        for (int seed = 0; seed < Seeds; seed++)
        {
            Start(hasPic, isLevelLine, isPulsing, devices, seed);
            fixed (InterruptLines* lines = &_lines)
            fixed (LocalApic* apic = &_apic)
            fixed (InterruptDescription* description = &_description)
            {
                ConnectLine(lines, apic, description, isLevelLine);
                ComeToRest(lines, seed);
                for (int look = 0; isLossy && look < devices; look++)
                {
                    _table.OnTimeout(&_threads[look]);
                    Wake(&_threads[look]);
                    ComeToRest(lines, seed);
                }
            }

            foreach (Device device in _devices)
            {
                Assert.That(device.Asks, Is.False, $"seed {seed}: an event is left, and nobody looks");
            }

            Assert.That(_pic.Errors, Is.Empty, $"seed {seed}");
        }
    }

    private void ComeToRest(InterruptLines* lines, int seed)
    {
        for (int step = 0; Step(lines); step++)
        {
            Assert.That(step, Is.LessThan(5000), $"seed {seed}: it never comes to rest");
        }
    }

    private void Start(bool hasPic, bool isLevelLine, bool isPulsing, int devices, int seed)
    {
        new Span<byte>(_store, (int)InterruptTable.StoreBytes).Clear();
        new Span<byte>(_threads, 3 * sizeof(Thread)).Clear();
        _table = default;
        _table.Initialize(_store);
        _lines = default;
        _apic = default;
        _description = default;
        _hasPic = hasPic;
        _pic = new PicModel { KeepsPulses = true, Trigger = (ushort)(isLevelLine ? 1 << (int)Line : 0) };
        _ioApic = new IoApicModel();
        _random = new Random(seed);
        _eventsLeft = Events;
        Processor.Ports = _pic;
        _devices = new Device[devices];
        for (int i = 0; i < devices; i++)
        {
            byte name = 0;
            var handle = (ulong)_table.AttachLine(Line, &name, canInterrupt: true);
            _devices[i] = new Device { IsPulsing = isPulsing, Handle = handle, IsRunning = true };
        }
    }

    private void ConnectLine(
        InterruptLines* lines, LocalApic* apic, InterruptDescription* description, bool isLevelLine)
    {
        if (_hasPic)
        {
            Assert.That(Pic8259.Initialize(), Is.True);
        }
        else
        {
            apic->Initialize(DeviceRegisters.Place(0xFEE0_0000, new LocalApicModel()));
            byte* registers = DeviceRegisters.Place(0xFEC0_0000, _ioApic);
            Assert.That(lines->IoApics.Add(registers, 0, 16), Is.True);
            description->AddOverride((byte)Line, Line, (ushort)(isLevelLine ? 0xD : 5));
        }

        lines->Initialize(_hasPic, apic, description);
        lines->Connect(Line, isPci: true);
    }

    // One step of somebody who can take one; false where nobody can.
    private bool Step(InterruptLines* lines)
    {
        var steps = new List<Action>();
        if (_eventsLeft > 0)
        {
            steps.Add(Ask);
        }

        if (_hasPic ? _pic.Asks : _ioApic.Sent.Count != 0)
        {
            steps.Add(() => Interrupt(lines));
        }

        foreach (Device device in _devices)
        {
            if (device.IsRunning)
            {
                steps.Add(() => Run(lines, device));
            }
        }

        if (steps.Count == 0)
        {
            return false;
        }

        steps[_random.Next(steps.Count)]();
        return true;
    }

    private void Ask()
    {
        _eventsLeft--;
        Device device = _devices[_random.Next(_devices.Length)];
        device.Asks = true;
        if (device.IsPulsing)
        {
            Drive(true);
            Drive(false);
        }
        else
        {
            DriveByAll();
        }
    }

    private void Drive(bool isHigh)
    {
        if (_hasPic)
        {
            _pic.Drive(Line, isHigh);
        }
        else
        {
            _ioApic.Drive((int)Line, isHigh);
        }
    }

    private void DriveByAll()
    {
        if (!_devices[0].IsPulsing)
        {
            Drive(Array.Exists(_devices, device => device.Asks));
        }
    }

    private void Interrupt(InterruptLines* lines)
    {
        uint line = Line;
        if (_hasPic)
        {
            line = _pic.Take();
        }
        else
        {
            _ioApic.Sent.Dequeue();
        }

        if (lines->IsSpurious(line))
        {
            return;
        }

        Assert.That(line, Is.EqualTo(Line));
        lines->Mask(line);
        lines->Acknowledge(line);
        if (!_hasPic)
        {
            _ioApic.End((uint)Vectors.FirstLine + Line);
        }

        _table.OnLine(line);
        int position = 0;
        for (Thread* woken = _table.NextOnLine(line, ref position);
            woken != null;
            woken = _table.NextOnLine(line, ref position))
        {
            Wake(woken);
        }
    }

    private void Run(InterruptLines* lines, Device device)
    {
        if (!device.HasLooked)
        {
            // As the driver does: its status is read, which clears it and lets the line go.
            device.HasLooked = true;
            device.Claims = device.Asks;
            device.Asks = false;
            DriveByAll();
            return;
        }

        device.HasLooked = false;
        Thread* thread = &_threads[Array.IndexOf(_devices, device)];
        long result = _table.Wait(device.Handle, device.Seen, device.Claims, thread, out LineAction action);
        Assert.That(action & (LineAction.Abandon | LineAction.Poll), Is.EqualTo(LineAction.None));
        if ((action & LineAction.Unmask) != 0)
        {
            lines->Unmask(Line);
        }

        int position = 0;
        for (Thread* woken = (action & LineAction.Look) != 0 ? _table.NextToLook(Line, ref position) : null;
            woken != null;
            woken = _table.NextToLook(Line, ref position))
        {
            Wake(woken);
        }

        if (result == 0)
        {
            device.IsRunning = false;
        }
        else
        {
            device.Seen = (ulong)result & ~InterruptTable.Look;
        }
    }

    private void Wake(Thread* thread)
    {
        Device device = _devices[(int)(thread - _threads)];
        device.IsRunning = true;
        device.Seen = thread->Registers.Rax & ~InterruptTable.Look;
    }

    private sealed class Device
    {
        public bool IsPulsing { get; init; }

        public ulong Handle { get; init; }

        public bool Asks { get; set; }

        public bool IsRunning { get; set; }

        public bool HasLooked { get; set; }

        public bool Claims { get; set; }

        public ulong Seen { get; set; }
    }
}
