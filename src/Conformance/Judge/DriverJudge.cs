using System;
using System.Collections.Generic;
using System.Globalization;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Judge;

/// <summary>Judges one driver of one device from the stream of what happens between them.</summary>
/// <remarks>
/// It needs nothing but the events, so it is the same judge wherever they come from. A source that does not see rings
/// leaves the requirements about them without anything to judge, and they are skipped. One context at a time.
/// </remarks>
public sealed class DriverJudge
{
    private readonly RequirementRegistry _registry;
    private readonly JudgedDevice _device;

    /// <param name="target">Whom verdicts name: <c>ours/blk</c>.</param>
    /// <param name="facts">What is known of the device.</param>
    /// <param name="registry">The requirements; all of them, unless told otherwise.</param>
    public DriverJudge(string target, DeviceFacts facts, RequirementRegistry? registry = null)
    {
        Target = target;
        _registry = registry ?? RequirementRegistry.All;
        _device = new JudgedDevice(facts);
    }

    /// <summary>Whom verdicts name.</summary>
    public string Target { get; }

    /// <summary>How many events there were.</summary>
    public int Events => _device.Events;

    /// <summary>The value of the notification that the last event was; null where it was none.</summary>
    public uint? Notification => _device.Notification;

    /// <summary>Takes the next event.</summary>
    public void Observe(DriverEvent happened)
    {
        ArgumentNullException.ThrowIfNull(happened);
        _device.Observe(happened);
    }

    /// <summary>Ends the stream and says what came of every requirement that rules watch.</summary>
    public IReadOnlyList<Verdict> Conclude()
    {
        _device.Conclude();
        List<Verdict> verdicts = [];
        foreach (Requirement each in _registry.Requirements)
        {
            if (each.Side == Side.Driver && each.Check == Check.Audited)
            {
                verdicts.Add(VerdictOf(each));
            }
        }

        return verdicts;
    }

    private Verdict VerdictOf(Requirement requirement)
    {
        (int count, Evidence? evidence) = _device.Find(requirement.Id);
        return evidence is not null ? new Verdict(Target, requirement, Outcome.Fail, count, evidence)
            : count > 0 ? new Verdict(Target, requirement, Outcome.Pass, count)
            : new Verdict(Target, requirement, Outcome.Skip, 0, Reason: "nothing of it happened");
    }
}

/// <summary>A device under the eyes of all rules.</summary>
internal sealed class JudgedDevice
{
    private const int KeptSteps = 16;

    private readonly RuleSet[] _rules;
    private readonly Dictionary<string, Tally> _tallies = new Dictionary<string, Tally>();
    private readonly Queue<DriverEvent> _steps = new Queue<DriverEvent>();
    private readonly Dictionary<int, RingPicture> _rings = new Dictionary<int, RingPicture>();
    private int _ringOfEvent = -1;

    public JudgedDevice(DeviceFacts facts)
    {
        View = new DeviceView(facts);
        List<RuleSet> rules =
        [
            new StatusRules(), new FeatureRules(), new ConfigurationRules(), new QueueRules(), new NotificationRules(),
            new RingRules(),
        ];
        rules.Add(facts.IsMmio ? new MmioRules() : new PciRules());
        switch (facts.DeviceType)
        {
            case 1:
                rules.Add(new NetRules());
                break;
            case 2:
                rules.Add(new BlockRules());
                break;
            case 4:
                rules.Add(new EntropyRules());
                break;
            default:
                break;
        }

        _rules = [.. rules];
        foreach (RuleSet each in _rules)
        {
            each.Attach(this);
        }
    }

    public DeviceView View { get; }

    public int Events { get; private set; }

    public uint? Notification { get; private set; }

    public void Observe(DriverEvent happened)
    {
        Events++;
        Notification = null;
        Keep(happened);
        switch (happened)
        {
            case RegisterAccess access:
                OnAccess(access);
                break;
            case BecameLive live:
                View.Apply(live);
                Tell(each => each.OnLive(live), -1);
                break;
            case BufferTaken taken:
                Tell(each => each.OnTaken(taken), taken.Queue);
                break;
            case BufferUsed used:
                Tell(each => each.OnUsed(used), used.Queue);
                break;
            case RingSeen seen:
                Tell(each => each.OnSeen(seen), seen.Queue);
                break;
            case RingBroken broken:
                Tell(each => each.OnBroken(broken), broken.Queue);
                break;
            case CameToRest:
                Tell(each => each.OnRest(), -1);
                break;
            default:
                break;
        }
    }

    public void Conclude() => Tell(each => each.OnRest(), -1);

    public void Expect(string id, bool isKept, string place, FormattableString text)
    {
        if (!_tallies.TryGetValue(id, out Tally? tally))
        {
            tally = new Tally();
            _tallies.Add(id, tally);
        }

        tally.Checked++;
        if (isKept)
        {
            return;
        }

        tally.Breaches++;
        if (tally.Breaches == 1)
        {
            tally.First = new Evidence(
                text.ToString(CultureInfo.InvariantCulture),
                place,
                [.. StepsInWords()],
                1,
                _rings.TryGetValue(_ringOfEvent, out RingPicture? ring) ? ring.Lines() : []);
        }
    }

    public (int Checked, Evidence? Evidence) Find(string id) => _tallies.TryGetValue(id, out Tally? tally)
        ? (tally.Checked, tally.First is null ? null : tally.First with { Count = tally.Breaches })
        : (0, null);

    private void OnAccess(RegisterAccess access)
    {
        Access decoded = RegisterMap.Decode(access);
        foreach (RuleSet each in _rules)
        {
            each.OnAccess(decoded);
        }

        if (decoded.IsWrite && decoded.Register == Register.Notify)
        {
            Notification = decoded.Value;
        }

        View.Apply(decoded);
        if (View.Window.IsThrough(access) && View.Window.Translate(access) is RegisterAccess through)
        {
            Keep(through);
            OnAccess(through);
        }
    }

    private void Tell(Action<RuleSet> tell, int queue)
    {
        _ringOfEvent = queue;
        foreach (RuleSet each in _rules)
        {
            tell(each);
        }

        _ringOfEvent = -1;
    }

    private void Keep(DriverEvent happened)
    {
        if (_steps.Count == KeptSteps)
        {
            _steps.Dequeue();
        }

        _steps.Enqueue(happened);
        switch (happened)
        {
            case BufferTaken taken:
                PictureOf(taken.Queue).Draw(taken.Buffer.Descriptors);
                break;
            case BufferUsed used:
                PictureOf(used.Queue).Draw(used.Now);
                break;
            default:
                break;
        }
    }

    private RingPicture PictureOf(int queue)
    {
        if (!_rings.TryGetValue(queue, out RingPicture? ring))
        {
            ring = new RingPicture();
            _rings.Add(queue, ring);
        }

        return ring;
    }

    private IEnumerable<string> StepsInWords()
    {
        foreach (DriverEvent each in _steps)
        {
            yield return each is RegisterAccess access ? InWords(access) : each.ToString() ?? string.Empty;
        }
    }

    private static string InWords(RegisterAccess access)
    {
        Register register = RegisterMap.Decode(access).Register;
        string name = register is Register.None or Register.Configuration or Register.Notify
            ? $"{access.Region}+{access.Offset:x}"
            : register.ToString();
        return access.IsWrite
            ? $"{name} <- {access.Value:x} ({8 * access.Width} bits)"
            : $"{name} -> {access.Value:x} ({8 * access.Width} bits)";
    }

    private sealed class Tally
    {
        public int Checked { get; set; }

        public int Breaches { get; set; }

        public Evidence? First { get; set; }
    }
}

/// <summary>The descriptors of a ring that were seen last, for people.</summary>
internal sealed class RingPicture
{
    private const int MostLines = 64;

    private readonly SortedDictionary<(bool IsInTable, int Slot), RingDescriptor> _slots =
        new SortedDictionary<(bool IsInTable, int Slot), RingDescriptor>();

    public void Draw(IEnumerable<RingDescriptor> descriptors)
    {
        foreach (RingDescriptor each in descriptors)
        {
            _slots[(each.IsInTable, each.Slot)] = each;
        }
    }

    public IReadOnlyList<string> Lines()
    {
        List<string> lines = [];
        foreach (RingDescriptor each in _slots.Values)
        {
            if (lines.Count < MostLines)
            {
                lines.Add(each.ToString());
            }
        }

        return lines;
    }
}
