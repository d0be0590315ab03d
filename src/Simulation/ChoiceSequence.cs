using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace VirtioGuest.Simulation;

/// <summary>
/// The choices that make a schedule what it is: taken from a list first, then by chance or always the first.
/// </summary>
internal sealed class ChoiceSequence
{
    private readonly List<int> _values = [];
    private readonly List<int> _options = [];
    private int _listed;
    private int _position;
    private int _deviationsLeft;
    private int _oneIn;
    private Random? _random;

    /// <summary>Whether the schedule deviated as often as it might.</summary>
    internal bool WasLimited { get; private set; }

    /// <summary>How often the schedule has deviated.</summary>
    internal int Deviations { get; private set; }

    /// <summary>Starts the schedule of the list, and the first choice from there on.</summary>
    /// <param name="deviations">How often it may deviate.</param>
    internal void Start(int deviations)
    {
        Begin(_values.Count);
        _deviationsLeft = deviations;
        _random = null;
    }

    /// <summary>Starts a random schedule.</summary>
    /// <param name="random">What it draws from.</param>
    /// <param name="oneIn">One in how many chances to deviate is taken, at least 1.</param>
    internal void Start(Random random, int oneIn)
    {
        Begin(0);
        _deviationsLeft = int.MaxValue;
        _random = random;
        _oneIn = oneIn;
    }

    /// <summary>Starts a schedule again, from its text.</summary>
    internal void Start(string text)
    {
        _values.Clear();
        foreach (string part in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = part.Split('*');
            int value = int.Parse(pair[0], CultureInfo.InvariantCulture);
            int count = pair.Length == 1 ? 1 : int.Parse(pair[1], CultureInfo.InvariantCulture);
            for (int i = 0; i < count; i++)
            {
                _values.Add(value);
            }
        }

        Begin(_values.Count);
        _deviationsLeft = int.MaxValue;
        _random = null;
    }

    /// <summary>Makes the next choice.</summary>
    /// <param name="options">How many there are.</param>
    /// <param name="deviates">Whether any but the first is a deviation.</param>
    internal int Choose(int options, bool deviates)
    {
        if (options <= 1)
        {
            return 0;
        }

        int allowed = options;
        if (deviates && _deviationsLeft == 0)
        {
            allowed = 1;
            WasLimited = true;
        }

        int value = _position < _listed ? _values[_position] : Draw(allowed, deviates);
        if (value >= options)
        {
            throw new InvalidOperationException("A schedule went another way when it was run again.");
        }

        if (_position >= _listed)
        {
            _values.Add(value);
            _options.Add(allowed);
        }
        else if (_position < _options.Count)
        {
            _options[_position] = allowed;
        }
        else
        {
            _options.Add(allowed);
        }

        _position++;
        if (deviates && value != 0)
        {
            _deviationsLeft--;
            Deviations++;
        }

        return value;
    }

    /// <summary>Makes the list that of the next schedule, in depth-first order.</summary>
    /// <returns>False where this was the last one; then the list is empty.</returns>
    internal bool MoveNext()
    {
        Trim(_position);
        for (int last = _values.Count - 1; last >= 0; last--)
        {
            if (_values[last] + 1 < _options[last])
            {
                Trim(last + 1);
                _values[last]++;
                return true;
            }
        }

        Trim(0);
        return false;
    }

    /// <summary>The choices so far, but for the zeros at their end; equal ones in a row as <c>0*12</c>.</summary>
    public override string ToString()
    {
        int count = _position;
        while (count > 0 && _values[count - 1] == 0)
        {
            count--;
        }

        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count;)
        {
            int run = 1;
            while (i + run < count && _values[i + run] == _values[i])
            {
                run++;
            }

            text.Append(text.Length == 0 ? string.Empty : " ").Append(_values[i]);
            if (run > 1)
            {
                text.Append('*').Append(run);
            }

            i += run;
        }

        return text.ToString();
    }

    private void Begin(int listed)
    {
        _listed = listed;
        Trim(listed);
        _position = 0;
        WasLimited = false;
        Deviations = 0;
    }

    private void Trim(int count)
    {
        if (_values.Count > count)
        {
            _values.RemoveRange(count, _values.Count - count);
        }

        if (_options.Count > count)
        {
            _options.RemoveRange(count, _options.Count - count);
        }
    }

    private int Draw(int options, bool deviates)
    {
        if (_random is null || options == 1)
        {
            return 0;
        }

        if (!deviates)
        {
            return _random.Next(options);
        }

        return _random.Next(_oneIn) == 0 ? 1 + _random.Next(options - 1) : 0;
    }
}
