using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>
/// Follows a method's instructions and says what lies on the evaluation stack before each of them.
/// </summary>
/// <remarks>
/// Code brings the same shape of stack to an instruction on every way that leads there (ECMA-335, III.1.7.5), so each
/// instruction is visited once.
/// </remarks>
public sealed class EvaluationStack
{
    private readonly MethodBody _body;
    private readonly Dictionary<Instruction, ImmutableStack<StackValue>> _before = [];
    private readonly Stack<(Instruction At, ImmutableStack<StackValue> Values)> _open = new();

    /// <summary>Follows a body from its start and from each of its handlers.</summary>
    public EvaluationStack(MethodBody body)
    {
        _body = body;
        Reach(body.Instructions[0], []);
        foreach (ExceptionHandler handler in body.ExceptionHandlers)
        {
            bool caught = handler.HandlerType is ExceptionHandlerType.Catch or ExceptionHandlerType.Filter;
            Reach(handler.HandlerStart, caught ? [new StackValue(StackKind.Other)] : []);
            if (handler.FilterStart is not null)
            {
                Reach(handler.FilterStart, [new StackValue(StackKind.Other)]);
            }
        }

        while (_open.TryPop(out (Instruction At, ImmutableStack<StackValue> Values) next))
        {
            Follow(next.At, next.Values);
        }
    }

    /// <summary>The values before an instruction, the topmost first; none where no way leads to it.</summary>
    public IEnumerable<StackValue> Before(Instruction instruction) =>
        _before.TryGetValue(instruction, out ImmutableStack<StackValue>? values) ? values : [];

    private void Reach(Instruction? instruction, ImmutableStack<StackValue> values)
    {
        if (instruction is not null && _before.TryAdd(instruction, values))
        {
            _open.Push((instruction, values));
        }
    }

    private void Follow(Instruction instruction, ImmutableStack<StackValue> values)
    {
        ImmutableStack<StackValue> after = StackEffect.Apply(_body.Method, instruction, values);
        if (instruction.Operand is Instruction target)
        {
            Reach(target, after);
        }
        else if (instruction.Operand is Instruction[] targets)
        {
            Array.ForEach(targets, each => Reach(each, after));
        }

        if (instruction.OpCode.FlowControl is not (FlowControl.Branch or FlowControl.Return or FlowControl.Throw))
        {
            Reach(instruction.Next, after);
        }
    }
}
