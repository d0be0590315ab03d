using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Edge-triggered lines beside level-triggered ones.</summary>
[TestFixture]
internal sealed unsafe class InterruptEdgeTests
{
    private void* _store;
    private InterruptTable _table;

    [SetUp]
    public void CreateTable()
    {
        _store = NativeMemory.AllocZeroed((nuint)InterruptTable.StoreBytes);
        _table = default;
        _table.Initialize(_store);
    }

    [TearDown]
    public void FreeTable() => NativeMemory.Free(_store);

    [Test]
    public void A_line_is_what_its_first_share_says_until_the_last_is_gone()
    {
        long edge = Attach(12, isEdge: true);
        Assert.That(_table.Line(12)->IsEdge, Is.True);
        Assert.That(Attach(12, isEdge: true), Is.Positive);
        Assert.That(Attach(12, isEdge: false), Is.EqualTo(-ErrorNumber.InvalidArgument));
        Assert.That(Attach(11, isEdge: false), Is.Positive);
        Assert.That(_table.Line(11)->IsEdge, Is.False);
        Assert.That(Attach(11, isEdge: true), Is.EqualTo(-ErrorNumber.InvalidArgument));

        Assert.That(_table.Release((ulong)edge, out _, out _), Is.True);
        Assert.That(Attach(12, isEdge: false), Is.EqualTo(-ErrorNumber.InvalidArgument), "one share is left");
    }

    [Test]
    public void A_line_that_nobody_holds_can_change()
    {
        long edge = Attach(12, isEdge: true);
        _table.Release((ulong)edge, out _, out _);
        Assert.That(Attach(12, isEdge: false), Is.Positive);
        Assert.That(_table.Line(12)->IsEdge, Is.False);
    }

    [TestCase(12u, true, 0x00, 0x10)]
    [TestCase(12u, false, 0xFF, 0xEF)]
    [TestCase(5u, true, 0x01, 0x21)]
    [TestCase(5u, false, 0x21, 0x01)]
    [TestCase(8u, true, 0x00, 0x00)]
    public void The_trigger_of_a_line_is_one_bit(uint line, bool isLevel, int before, int after)
    {
        ushort port = (ushort)(line < 8 ? 0x4D0 : 0x4D1);
        using PicPorts ports = new PicPorts(port, (byte)before);
        Pic8259.SetTrigger(line, isLevel);
        Assert.That(ports.Value, Is.EqualTo(after));
    }

    private long Attach(ulong line, bool isEdge)
    {
        byte name = 0;
        return _table.AttachLine(line, &name, isEdge);
    }

    /// <summary>One port that keeps what is written.</summary>
    private sealed class PicPorts : FakePorts, System.IDisposable
    {
        private readonly FakePorts _before = Processor.Ports;
        private readonly ushort _port;

        public PicPorts(ushort port, byte value)
        {
            _port = port;
            Value = value;
            Processor.Ports = this;
        }

        public byte Value { get; private set; }

        public override uint Read(ushort port, int bytes) => port == _port ? Value : uint.MaxValue;

        public override void Write(ushort port, int bytes, uint value)
        {
            Assert.That(port, Is.EqualTo(_port));
            Value = (byte)value;
        }

        public void Dispose() => Processor.Ports = _before;
    }
}
