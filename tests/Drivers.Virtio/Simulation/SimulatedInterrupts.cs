using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Interrupts that call their handlers at once.</summary>
internal sealed class SimulatedInterrupts : InterruptController
{
    private const ulong MessageAddress = 0xFEE00000;

    private readonly List<Message> _messages = new List<Message>();
    private readonly Queue<(ulong Address, uint Data)> _pending = new Queue<(ulong, uint)>();

    /// <summary>Whether messages wait for <see cref="Deliver"/>.</summary>
    public bool IsQueued { get; set; }

    /// <summary>How many messages wait.</summary>
    public int Pending => _pending.Count;

    public int MessagesLeft { get; set; } = int.MaxValue;

    public bool MessagesExist { get; set; } = true;

    public bool LinesExist { get; set; } = true;

    /// <summary>Whether handlers of lines are called now and then instead of by interrupts.</summary>
    public bool LinesArePolled { get; set; }

    public InterruptHandler? LineHandler { get; private set; }

    public byte LineNumber { get; private set; }

    public override bool HasMessages => MessagesExist;

    /// <summary>The names of the messages that are in use.</summary>
    public IEnumerable<string> NamesInUse => _messages.FindAll(m => !m.IsReleased).ConvertAll(m => m.Name);

    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler)
    {
        if (MessagesLeft == 0)
        {
            return null;
        }

        MessagesLeft--;
        Message message = new Message(this, name, handler, MessageAddress, (uint)(0x40 + _messages.Count));
        lock (_messages)
        {
            _messages.Add(message);
        }

        return message;
    }

    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler)
    {
        if (!LinesExist || line > 15)
        {
            return null;
        }

        LineHandler = handler;
        LineNumber = line;
        return new Line(this, line);
    }

    /// <summary>Delivers what waits so far; what nobody waits for any more is lost.</summary>
    /// <param name="times">How often each is delivered.</param>
    public void Deliver(int times = 1)
    {
        (ulong Address, uint Data)[] pending;
        lock (_pending)
        {
            pending = _pending.ToArray();
            _pending.Clear();
        }

        foreach ((ulong address, uint data) in pending)
        {
            for (int i = 0; i < times; i++)
            {
                Find(address, data)?.Handler.OnInterrupt();
            }
        }
    }

    public void Send(ulong address, uint data)
    {
        if (IsQueued)
        {
            lock (_pending)
            {
                _pending.Enqueue((address, data));
            }

            return;
        }

        Message message = Find(address, data)
            ?? throw new InvalidOperationException($"nobody waits for message {data:x} at {address:x}");
        message.Handler.OnInterrupt();
    }

    private Message? Find(ulong address, uint data)
    {
        Message[] messages;
        lock (_messages)
        {
            messages = _messages.ToArray();
        }

        return Array.Find(messages, m => m.Address == address && m.Data == data && !m.IsReleased);
    }

    private sealed class Message : MessageInterrupt
    {
        private readonly SimulatedInterrupts _owner;

        public Message(SimulatedInterrupts owner, string name, InterruptHandler handler, ulong address, uint data)
            : base(address, data)
        {
            _owner = owner;
            Name = name;
            Handler = handler;
        }

        public string Name { get; }

        public InterruptHandler Handler { get; }

        public bool IsReleased { get; private set; }

        public override ulong Count => 0;

        public override void Release()
        {
            IsReleased = true;
            _owner.MessagesLeft++;
        }
    }

    private sealed class Line : LineInterrupt
    {
        private readonly SimulatedInterrupts _owner;

        public Line(SimulatedInterrupts owner, byte line)
            : base(line)
        {
            _owner = owner;
        }

        public override bool IsPolled => _owner.LinesArePolled;

        public override ulong Count => 0;

        public override void Release() => _owner.LineHandler = null;
    }
}
