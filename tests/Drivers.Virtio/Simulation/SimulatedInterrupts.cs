using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Interrupts that call their handlers at once.</summary>
internal sealed class SimulatedInterrupts : InterruptController
{
    private const ulong MessageAddress = 0xFEE00000;

    private readonly List<Message> _messages = new List<Message>();

    public int MessagesLeft { get; set; } = int.MaxValue;

    public bool MessagesExist { get; set; } = true;

    public bool LinesExist { get; set; } = true;

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
        _messages.Add(message);
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

    public void Send(ulong address, uint data)
    {
        foreach (Message message in _messages)
        {
            if (message.Address == address && message.Data == data && !message.IsReleased)
            {
                message.Handler.OnInterrupt();
                return;
            }
        }

        throw new InvalidOperationException($"nobody waits for message {data:x} at {address:x}");
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

        public override ulong Count => 0;

        public override void Release() => _owner.LineHandler = null;
    }
}
